//! Which lock an address is: memory that is initialised again, or whose module is gone, is another lock.

use tracer_common::generation::{self, BITS, ONE, TAKEN, UNLOADED_SHIFT};

use crate::kernel::not_below;

/// The cells. That two locks share one sends a chain once more at worst.
static mut GENERATIONS: [u64; 1 << BITS] = [0; 1 << BITS];

/// How many modules were unloaded.
static mut UNLOADED: u64 = 0;

/// Modules are above this address (`Documentation/arch/x86/x86_64/mm.rst`): their variables need no initialisation.
const MODULES: u64 = 0xffff_ffff_a000_0000;

#[inline(always)]
fn cell(lock: u64) -> *mut u64 {
    // SAFETY: a cell of the table.
    unsafe {
        (&raw mut GENERATIONS)
            .cast::<u64>()
            .add(generation::cell(lock) as usize)
    }
}

/// The generation of a lock that is taken.
#[inline(always)]
pub fn taken(lock: u64) -> u64 {
    let cell = cell(lock);
    // SAFETY: a valid, aligned cell; a lost update sends a chain once more. Volatile, so that it is read again: marked now or before, the verifier follows one path from here on.
    let generation = unsafe {
        if *cell & TAKEN == 0 {
            *cell |= TAKEN;
        }
        core::ptr::read_volatile(cell)
    };
    generation.wrapping_add(unloaded(lock) << UNLOADED_SHIFT)
}

/// How many modules were unloaded, if this is an address in one; else 0.
#[inline(always)]
pub fn unloaded(address: u64) -> u64 {
    // SAFETY: a static; volatile, because other CPUs change it.
    let unloaded = unsafe { core::ptr::read_volatile(&raw const UNLOADED) };
    unloaded & not_below(address, MODULES)
}

/// A lock is initialised: the generation that begins, when there was one that was taken.
#[inline(always)]
pub fn begin(lock: u64) -> Option<u64> {
    let cell = cell(lock);
    // SAFETY: as above.
    unsafe {
        if *cell & TAKEN == 0 {
            return None;
        }
        *cell = (*cell & !TAKEN).wrapping_add(ONE);
        Some(*cell)
    }
}

/// A module is unloaded.
#[inline(always)]
pub fn unload() {
    // SAFETY: as above; modules are unloaded one at a time.
    unsafe { UNLOADED += 1 };
}
