//! How many objects of one call path are told apart.
//!
//! Each inode is a lock of its own, and each new one makes a new chain, although nothing about it is new but the objects. So the chains of one path - the same
//! requests at the same places, each held lock taken at the same place - are told for so many objects, and from there on the first of them stands for them all: their
//! dependency is known by class. How many that is is counted for each path, so that user space can tell where a cycle may be hidden, and in all, because paths may be forgotten. Variables
//! are told apart always: each is a class of its own.

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::LruHashMap};

use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{MAX_PATHS, ToldPath},
};

use crate::{
    atomic,
    count::count_at,
    held::{Held, mix},
    init::name_of,
    kernel::{KERNEL_IMAGE, not_below},
    setting::setting,
};

/// Paths and what was told of them. One that is forgotten is told anew.
#[map]
static PATHS: LruHashMap<u64, ToldPath> = LruHashMap::with_max_entries(MAX_PATHS, 0);

/// Which path a hold was taken on: the place of the request, and for a variable the lock.
#[inline(always)]
fn of_hold(lock: u64, call: u64) -> u64 {
    mix(call, lock & not_below(lock, KERNEL_IMAGE))
}

/// The path of a chain whose last lock is requested by `call`.
#[inline(always)]
pub fn of_chain(held: &mut Held, lock: u64, info: u64, call: u64) -> u64 {
    let below = held.sum_of_paths(of_hold);
    mix(below ^ name_of(lock, info), of_hold(lock, call))
}

/// The chain that stands for a new one of this path and `task`, which is counted; 0 when that is to be told.
#[inline(always)]
pub fn stands_for(path: u64, task: u64, probe: ProbeIndex) -> u64 {
    let objects = setting!(scope.objects);
    if objects == 0 {
        return 0;
    }
    let Some(known) = PATHS.get_ptr_mut(path) else { return 0 };
    // SAFETY: a value of the map; what is lost to a race is told once more at worst.
    let known = unsafe { &mut *known };
    if known.told < objects {
        return 0;
    }
    // Whether all sides of a cycle are one task's makes a difference.
    if known.second == 0 && known.task != task {
        known.second = 1;
        return 0;
    }
    count_at(Counter::ObjectsByClass, probe);
    // What is lost to a race would count as forgotten, which is a loss.
    // SAFETY: a valid, aligned number.
    unsafe { atomic::add(&raw mut known.others, 1) };
    known.chain
}

/// A chain of this path was told: of `task`.
#[inline(always)]
pub fn told(path: u64, chain: u64, task: u64) {
    if let Some(known) = PATHS.get_ptr_mut(path) {
        // SAFETY: as above.
        unsafe { (*known).told += 1 };
        return;
    }
    let first = ToldPath {
        told: 1,
        chain,
        second: 0,
        task,
        others: 0,
    };
    // One that finds no room is told without a limit.
    let _ = PATHS.insert(path, first, u64::from(BPF_ANY));
}
