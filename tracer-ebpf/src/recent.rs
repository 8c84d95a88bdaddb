//! Known chains that are found without a search.
//!
//! A chain is looked up at every acquisition, so what a search in a hash table costs is most of what a traced lock costs. The first chain that falls into a place of this
//! array keeps it; those that find theirs taken are searched for.

use aya_ebpf::{macros::map, maps::Array};
use tracer_common::wire::{ChainCount, KnownChain, PLACES};

use crate::chain::Known;

/// The places. A free one has no key.
#[map]
static KNOWN: Array<KnownChain> = Array::with_max_entries(PLACES, 0);

#[inline(always)]
fn at(key: u64) -> Option<*mut KnownChain> {
    KNOWN.get_ptr_mut(KnownChain::place(key))
}

/// The chain of a key that has its place.
#[inline(always)]
pub fn known(key: u64) -> Option<Known> {
    let known = at(key)?;
    // SAFETY: a value of the map.
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
    let Some(place) = at(key) else { return };
    // SAFETY: a value of the map. The key comes last: who finds it finds the rest. Of two at the same time one is searched for from here on, and a count of one may go
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
