//! Reading the kernel's memory by plain loads, where a helper would cost more than all the rest: see [`tracer_common::kfunc`].

use core::arch::asm;

use aya_ebpf::Global;
use tracer_common::kfunc::CAST;

/// The number of `struct pt_regs` among the kernel's types: any structure that begins with words does. 0 when the kernel has no such cast; a constant for the verifier.
#[unsafe(no_mangle)]
static WORDS: Global<u32> = Global::new(0);

/// Whether [`words`] can be used. A constant for the verifier.
#[inline(always)]
pub fn is_there() -> bool {
    WORDS.load() != 0
}

/// The two words at an address, zeroes where it cannot be read: the kernel catches the fault (`BPF_PROBE_MEM`).
#[inline(always)]
pub fn words(address: u64) -> [u64; 2] {
    let words: *const u64;
    // SAFETY: user space puts a call in this place that returns its first argument; like any call it leaves r6 to r9 alone.
    unsafe {
        asm!(
            ".8byte {call}",
            call = const CAST.placeholder,
            inlateout("r1") address => _,
            inlateout("r2") u64::from(WORDS.load()) => _,
            lateout("r0") words,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
    // SAFETY: the verifier makes loads of these that may fail.
    unsafe { [core::ptr::read_volatile(words), core::ptr::read_volatile(words.add(1))] }
}
