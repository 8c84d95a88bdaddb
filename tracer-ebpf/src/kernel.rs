//! Reading the kernel's memory through offsets, and its clock.

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use tracer_common::{counter::Counter, offset::ABSENT};

use crate::count::count;

/// The kernel's image and its modules, functions and variables, are above this address (`Documentation/arch/x86/x86_64/mm.rst`).
pub const KERNEL_IMAGE: u64 = 0xffff_ffff_8000_0000;

/// All ones for an address of the kernel that is not below `bound`, else 0: without a branch, of which the verifier would follow both sides, and remember for good
/// on which one the address is.
#[inline(always)]
pub fn not_below(address: u64, bound: u64) -> u64 {
    let mut below = address.wrapping_sub(bound);
    // SAFETY: changes only the register.
    unsafe { core::arch::asm!("{0} s>>= 63", inout(reg) below, options(pure, nomem, nostack)) };
    !below
}

/// Reads a `T` at `base + offset`; `None` when the member is absent or the memory cannot be read.
#[inline(always)]
pub fn read<T>(base: u64, offset: i64) -> Option<T> {
    if offset == ABSENT || base == 0 {
        return None;
    }
    // SAFETY: the helper checks the address itself.
    match unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as u64) as *const T) } {
        Ok(value) => Some(value),
        Err(_) => {
            count(Counter::ReadFailed);
            None
        }
    }
}

/// Like [`read`] where nothing needs to be there: an address that cannot be read is no loss.
#[inline(always)]
pub fn peek(base: u64, offset: i64) -> Option<u64> {
    if offset == ABSENT {
        return None;
    }
    // SAFETY: the helper checks the address itself.
    unsafe { bpf_probe_read_kernel(base.wrapping_add(offset as u64) as *const u64) }.ok()
}

/// The time in ns since boot, as `CLOCK_MONOTONIC` has it.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: has no preconditions.
    unsafe { generated::bpf_ktime_get_ns() }
}

/// Copies the string at `from` into `to`; an unreadable one is the empty string.
#[inline(always)]
pub fn read_string<const N: usize>(from: u64, to: *mut [u8; N]) {
    // SAFETY: `to` is N writable bytes; the helper checks `from` itself.
    let length = unsafe { generated::bpf_probe_read_kernel_str(to.cast(), N as u32, from as *const _) };
    if length < 0 {
        // SAFETY: as above.
        unsafe { (*to)[0] = 0 };
    }
}
