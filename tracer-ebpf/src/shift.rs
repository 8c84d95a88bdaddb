//! Call paths, whatever place of the stack they begin at.
//!
//! A chain with nothing held stands for the call path, which the depth of the stack tells apart without a walk. But from 5.13 on each system call may begin up to a KiB
//! further down, in one of 64 places (`add_random_kstack_offset()` in include/linux/randomize_kstack.h), and of the stack's address only the lower bits are looked at. So a
//! depth that was never seen is looked at once: the stack is walked, and where that path is known at another depth, the chain that was told of it stands for this one from then
//! on. The depth of what is requested while something is held counts from where the first of that was taken, so it is the same everywhere.

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::LruHashMap};
use tracer_common::{
    probe::ProbeIndex,
    wire::{ChainCount, ShiftedCount, Slot},
};

use crate::{
    call::Call,
    chain::Known,
    held::{Held, mix},
    recent,
    slots::each_word,
};

/// Chains at other depths than that at which their path was told. One that is forgotten is looked at anew, and its count is lost.
#[map]
static SHIFTED: LruHashMap<u64, ShiftedCount> = LruHashMap::with_max_entries(131_072, 0);

/// The chain that was told of each path.
#[map]
static WALKED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(32_768, 0);

/// A chain that is known at another depth.
#[inline(always)]
pub fn known(key: u64) -> Option<Known> {
    let known = SHIFTED.get_ptr_mut(key)?;
    // SAFETY: a value of the map.
    unsafe {
        Some(Known {
            count: &raw mut (*known).count,
            chain: (*known).chain,
        })
    }
}

/// Which path a task that holds nothing is on: a hash of its stack and of `request`; 0 when it cannot be told.
#[inline(always)]
pub fn walk(context: &impl Call, held: &mut Held, request: u64, probe: ProbeIndex) -> u64 {
    if held.busy != 0 {
        return 0;
    }
    let stack = (&raw mut held.slots).cast::<Slot>().cast::<u64>();
    // SAFETY: there is room for a whole stack where nothing is held.
    let bytes = unsafe { context.stack(stack, probe) };
    if bytes <= 0 {
        return 0;
    }
    held.hash = request;
    let hash = &raw mut held.hash;
    each_word(bytes as u64 / 8, |index| {
        // SAFETY: `each_word` gives places within a stack; the hash goes through memory, where the verifier forgets it.
        unsafe {
            let address = *stack.add(index);
            let so_far = core::ptr::read_volatile(hash);
            core::ptr::write_volatile(hash, mix(so_far, address));
        }
    });
    held.launder(held.hash).max(1)
}

/// The chain that was told of a path at another depth, or 0; this one, of `task`, is known by it from here on.
#[inline(always)]
pub fn told(path: u64, key: u64, task: u64) -> u64 {
    if path == 0 {
        return 0;
    }
    // SAFETY: copied at once; a race tells a path twice at worst.
    let Some(chain) = unsafe { WALKED.get(path) }.copied() else {
        return 0;
    };
    let shifted = ShiftedCount {
        count: ChainCount {
            // This time counts for the chain itself.
            count: 0,
            task,
            told: 0,
        },
        chain,
    };
    // Without room the stack is walked again.
    let _ = SHIFTED.insert(key, shifted, u64::from(BPF_ANY));
    recent::keep(key, chain, task);
    chain
}

/// A chain was told of a path.
#[inline(always)]
pub fn tell(path: u64, key: u64) {
    if path != 0 {
        // Without room it is told once more.
        let _ = WALKED.insert(path, key, u64::from(BPF_ANY));
    }
}
