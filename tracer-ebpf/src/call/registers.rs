//! What a call is, from the registers of the moment (`arch/x86/include/asm/ptrace.h`).

use core::mem::offset_of;

use aya_ebpf::{bindings::pt_regs, programs::ProbeContext};
use tracer_common::{counter::Counter, probe::ProbeIndex};

use super::Call;
use crate::{count::count_at, held::Held, kernel::read};

/// A function that begins.
impl Call for ProbeContext {
    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        argument(self.regs, index)
    }

    #[inline(always)]
    fn first(&self) -> u64 {
        first(self.regs)
    }

    #[inline(always)]
    fn depth(&self) -> u64 {
        stack_pointer(self.regs)
    }

    #[inline(always)]
    fn caller(&self, _held: &mut Held, probe: ProbeIndex) -> u64 {
        caller(self.regs, probe)
    }
}

/// Argument `index` of a function that begins: `regs_get_kernel_argument()`.
#[inline(always)]
pub fn argument(regs: *mut pt_regs, index: usize) -> u64 {
    let offset = match index {
        0 => offset_of!(pt_regs, rdi),
        1 => offset_of!(pt_regs, rsi),
        2 => offset_of!(pt_regs, rdx),
        3 => offset_of!(pt_regs, rcx),
        4 => offset_of!(pt_regs, r8),
        _ => offset_of!(pt_regs, r9),
    };
    read(regs as u64, offset as i64).unwrap_or(0)
}

/// The first of them, without a helper.
#[inline(always)]
pub fn first(regs: *mut pt_regs) -> u64 {
    // SAFETY: the kernel's registers, which the verifier lets be read.
    unsafe { register(&raw const (*regs).rdi) }
}

/// Return address of a function that begins: nothing of it has run, so that is on top of the stack.
#[inline(always)]
pub fn caller(regs: *mut pt_regs, probe: ProbeIndex) -> u64 {
    read(stack_pointer(regs), 0).unwrap_or_else(|| {
        count_at(Counter::SiteUnknown, probe);
        0
    })
}

/// What a function that returns gives back.
#[inline(always)]
pub fn result(regs: *mut pt_regs) -> u64 {
    // SAFETY: as in `first`.
    unsafe { register(&raw const (*regs).rax) }
}

#[inline(always)]
pub fn stack_pointer(regs: *mut pt_regs) -> u64 {
    // SAFETY: as in `first`.
    unsafe { register(&raw const (*regs).rsp) }
}

/// The instruction that comes next.
#[cfg(feature = "kprobe")]
#[inline(always)]
pub fn instruction(regs: *mut pt_regs) -> u64 {
    // SAFETY: as in `first`.
    unsafe { register(&raw const (*regs).rip) }
}

/// Reads a register; volatile, because the verifier lets only single words of a context be read.
///
/// # Safety
/// `register` is valid for reads.
#[inline(always)]
unsafe fn register(register: *const u64) -> u64 {
    // SAFETY: the caller's.
    unsafe { core::ptr::read_volatile(register) }
}
