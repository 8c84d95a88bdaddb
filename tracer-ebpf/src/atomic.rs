//! Numbers that several CPUs change.

use core::arch::asm;

/// Adds to a number, whoever else does. The target has no atomic type, but this instruction on every kernel.
///
/// # Safety
/// `cell` is valid and aligned.
#[inline(always)]
pub unsafe fn add(cell: *mut u64, number: u64) {
    // SAFETY: the caller's; nothing else is written.
    unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) cell, in(reg) number, options(nostack)) };
}
