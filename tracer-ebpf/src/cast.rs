//! Reading the kernel's memory by plain loads, where a helper would cost more than all the rest: see [`tracer_common::kfunc`].

use core::arch::asm;

use tracer_common::kfunc::CAST;

use crate::setting::setting;

/// Whether the kernel has such a cast.
#[inline(always)]
pub fn is_there() -> bool {
    setting!(words) != 0
}

/// The word at an address, 0 where it cannot be read: the kernel catches the fault (`BPF_PROBE_MEM`).
#[inline(always)]
pub fn word(address: u64) -> u64 {
    // SAFETY: the verifier makes a load of this that may fail.
    unsafe { core::ptr::read_volatile(cast(address)) }
}

/// The two words at an address, as above.
#[inline(always)]
pub fn words(address: u64) -> [u64; 2] {
    let words = cast(address);
    // SAFETY: as above.
    unsafe { [core::ptr::read_volatile(words), core::ptr::read_volatile(words.add(1))] }
}

#[inline(always)]
fn cast(address: u64) -> *const u64 {
    let words;
    // SAFETY: user space puts a call in this place that returns its first argument; like any call it leaves r6 to r9 alone.
    unsafe {
        asm!(
            ".8byte {call}",
            call = const CAST.placeholder,
            inlateout("r1") address => _,
            inlateout("r2") setting!(words) => _,
            lateout("r0") words,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
    words
}
