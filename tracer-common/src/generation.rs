//! Which of the locks that were at one address one after the other: a number that the program and its reader count in the same way.
//!
//! Locks share cells by a hash of their address. A cell counts how often one of its locks was initialised after one was taken; bit 0 says that one was
//! taken since. Above the cell's 32 bits stands how many modules were unloaded, where the address is in one.

use crate::hash;

/// Bits of a cell's number.
pub const BITS: u32 = 16;
/// A lock of the cell was taken since the last initialisation.
pub const TAKEN: u64 = 1;
/// One initialisation.
pub const ONE: u64 = 2;
/// Modules that were unloaded are counted from this bit on.
pub const UNLOADED_SHIFT: u32 = 32;

/// The cell of an address.
#[inline(always)]
pub const fn cell(lock: u64) -> u32 {
    hash::cell(lock, BITS)
}

/// How many initialisations a generation stands for.
#[inline(always)]
pub const fn initialisations(generation: u64) -> u64 {
    (generation & ((1 << UNLOADED_SHIFT) - 1)) / ONE
}
