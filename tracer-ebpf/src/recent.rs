//! Known chains that are found without a search.
//!
//! A chain is looked up at every acquisition, so what a search in a hash table costs is most of what a traced lock costs. The first chain that falls into a place of this
//! array keeps it; those that find theirs taken are searched for.

use core::mem::MaybeUninit;

use tracer_common::wire::{ChainCount, KnownChain, PLACES};

use crate::chain::Known;

/// The places. A free one has no key.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.known")]
static mut KNOWN: MaybeUninit<[KnownChain; PLACES]> = MaybeUninit::zeroed();

#[inline(always)]
fn at(key: u64) -> *mut KnownChain {
    // SAFETY: a place of the array.
    unsafe { (&raw mut KNOWN).cast::<KnownChain>().add(KnownChain::place(key)) }
}

/// The chain of a key that has its place.
#[inline(always)]
pub fn known(key: u64) -> Option<Known> {
    let known = at(key);
    // SAFETY: a place of the array.
    unsafe {
        if (*known).key != key {
            return None;
        }
        Some(Known {
            count: &raw mut (*known).count,
            chain: (*known).chain,
        })
    }
}

/// Gives a key its place, unless that is taken. `chain` was told, and stands for what has this key.
#[inline(always)]
pub fn keep(key: u64, chain: u64, task: u64) {
    let place = at(key);
    // SAFETY: a place of the array. The key comes last: who finds it finds the rest. Of two at the same time one is searched for from here on, and a count of one may go
    // to the other.
    unsafe {
        if (*place).key == 0 {
            (*place).chain = chain;
            (*place).count = ChainCount {
                count: 0,
                task,
                told: 0,
            };
            core::ptr::write_volatile(&raw mut (*place).key, key);
        }
    }
}
