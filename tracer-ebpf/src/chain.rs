//! The hot path: extend the held stack, look the chain up, and send it only when it was never seen before.

mod search;

use search::{Request, searched};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Again, ChainCount, Kind, info},
};

pub use search::Known;

use crate::{
    call::{Call, Exit, Returned},
    count::count_at,
    duration,
    epoch::epoch,
    generation,
    held::{Held, Taken, mix},
    init::tell_class,
    left_out::is_left_out,
    recent,
    ring::send,
    task::{current, is_traced},
    tasks::{self, known},
    wake,
};

/// `THREAD_SIZE` is 16 KiB on x86-64 (32 with KASAN): the address within the stack is the depth. See `shift.rs` for what differs between tasks.
const DEPTH_MASK: u64 = (32 << 10) - 1;

/// A lock is requested, and held from here on: whoever waits does nothing else, and who gives up is seen by [`failed`].
#[inline(always)]
pub fn request<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    if let Some(held) = tasks::traced_here(context, probe) {
        push(context, held, context.first(), probe, info);
    }
}

/// A trylock returns: 1 when it got the lock.
#[inline(always)]
pub fn trylock(context: &Exit, probe: ProbeIndex, info: u64) {
    if context.result(probe) as i32 != 0 {
        request(context, probe, info | info::TRYLOCK);
    }
}

/// A ww_mutex is requested: with an acquire context it backs off, without one it is a mutex.
#[inline(always)]
pub fn request_ww<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    let info = if context.argument(1) == 0 { info::MUTEX } else { info };
    request(context, probe, info);
}

/// A trylock of a ww_mutex returns. Without an acquire context it was one of the mutex, which has a probe of its own.
#[inline(always)]
pub fn trylock_ww(context: &Exit, probe: ProbeIndex, info: u64) {
    if context.argument(1) != 0 && context.result(probe) as i32 != 0 {
        request(context, probe, info | info::TRYLOCK);
    }
}

/// A trylock of a semaphore returns: 0 when it got it.
#[inline(always)]
pub fn down_trylock(context: &Exit, probe: ProbeIndex, info: u64) {
    if context.result(probe) as i32 == 0 {
        request(context, probe, info | info::TRYLOCK);
    }
}

/// A lock is requested whose release cannot be seen: the dependency is told, the hold is not kept.
#[inline(always)]
pub fn request_only<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    if let Some(held) = tasks::traced_here(context, probe)
        && let lock = context.first()
        && !is_left_out(lock, info, tasks::task_of(held))
    {
        seen(context, held, lock, generation::taken(lock), probe, info);
    }
}

/// `__percpu_down_read()`: a reader that waits for a writer, unless it only tries.
#[inline(always)]
pub fn wait_read<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    if context.argument(1) as u8 == 0 {
        request_only(context, probe, info);
    }
}

/// A request that can fail returns: not 0 when it was given up.
#[inline(always)]
pub fn failed<C: Call + Returned>(context: &C, probe: ProbeIndex, info: u64) {
    if context.result(probe) as i32 != 0 {
        release_lock(context, context.first(), probe, info);
    }
}

/// A lock is released.
#[inline(always)]
pub fn release<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    release_lock(context, context.first(), probe, info);
}

/// A ww_mutex was released: by a call of `mutex_unlock()`, which has a probe, or inline.
#[inline(always)]
pub fn settle(context: &Exit, _probe: ProbeIndex, info: u64) {
    let Some(held) = known() else { return };
    // SAFETY: as in `downgrade`.
    let held = unsafe { &mut *held };
    if let Some(place) = held.find_mode(context.argument(0), info) {
        held.remove(place);
    }
}

/// An rwsem held for write is held for read from here on.
#[inline(always)]
pub fn downgrade<C: Call>(context: &C, _probe: ProbeIndex, info: u64) {
    let lock = context.argument(0);
    let Some(held) = known() else { return };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    if let Some(place) = held.find_mode(lock, info) {
        held.downgrade(place);
    }
}

/// Puts a lock on top of what the current task holds, if that is traced.
#[inline(always)]
pub fn acquire_lock<C: Call>(context: &C, lock: u64, probe: ProbeIndex, info: u64) {
    if let Some(held) = tasks::traced_here(context, probe) {
        push(context, held, lock, probe, info);
    }
}

#[inline(always)]
fn push<C: Call>(context: &C, held: &mut Held, lock: u64, probe: ProbeIndex, info: u64) {
    if is_left_out(lock, info, tasks::task_of(held)) {
        return;
    }
    let place = place(context, held, probe);
    // Only now, because there are four registers that a helper leaves alone.
    let generation = generation::taken(lock);
    let taken = seen_at(place, context, held, lock, generation, probe, info);
    wake::remember(held, lock, taken.chain, info, generation);
    duration::hold(held);
    if !held.push(lock, generation, info, epoch(), taken) {
        count_at(Counter::HeldOverflow, probe);
    }
}

/// Takes a lock from what the current task holds.
#[inline(always)]
pub fn release_lock<C: Call>(context: &C, lock: u64, probe: ProbeIndex, info: u64) {
    // No closure: the compiler may make a function of it, and a call is a tenth of what a release costs.
    if let Some(held) = tasks::known_here(context) {
        // SAFETY: as in `downgrade`.
        let held = unsafe { &mut *held };
        if let Some(place) = held.find_mode(lock, info) {
            duration::release(held, place, probe);
            held.remove(place);
            tell_class(lock, info, probe);
            return;
        }
    }
    unmatched(lock, probe, info);
}

#[inline(never)]
fn unmatched(lock: u64, probe: ProbeIndex, info: u64) {
    if is_traced() && !is_left_out(lock, info, current()) {
        count_at(Counter::UnmatchedRelease, probe);
    }
}

/// Counts the chain, or tells it when it is new; gives how the lock is taken.
#[inline(always)]
pub fn seen<C: Call>(context: &C, held: &mut Held, lock: u64, generation: u64, probe: ProbeIndex, info: u64) -> Taken {
    let place = place(context, held, probe);
    seen_at(place, context, held, lock, generation, probe, info)
}

/// As [`seen`], at a [`place`].
#[inline(always)]
#[allow(
    clippy::too_many_arguments,
    reason = "all of it is in registers; a structure would not be"
)]
fn seen_at<C: Call>(
    place: u64,
    context: &C,
    held: &mut Held,
    lock: u64,
    generation: u64,
    probe: ProbeIndex,
    info: u64,
) -> Taken {
    tell_class(lock, info, probe);
    let depth = context.depth();
    let how = place ^ held.window_kind << 48 ^ info << 56;
    let call = mix(mix(0, how), held.base.wrapping_sub(depth) & DEPTH_MASK);
    let key = key(held, lock, generation, call);
    let chain = if let Some(known) = recent::known(key) {
        // SAFETY: a value of a map; counts may be lost to a race, memory not.
        again(unsafe { &mut *known.count }, known.chain, held.task, probe);
        known.chain
    } else {
        let request = Request {
            key,
            lock,
            generation,
            call,
        };
        searched(context, held, &request, probe, info)
    };
    let path = if held.is_empty() { chain } else { call };
    Taken { chain, path, depth }
}

/// Where a lock is requested: the caller, and 16 bits of how many modules were unloaded by then. An address of the kernel's code has all ones in its upper
/// half, so what tells requests at one place apart goes in there.
#[inline(always)]
fn place<C: Call>(context: &C, held: &mut Held, probe: ProbeIndex) -> u64 {
    let caller = context.caller(held, probe);
    caller ^ (generation::unloaded(caller) & 0xffff) << 32
}

/// The chain's identity. With nothing held the lock is left out: the chain then stands for the call path.
#[inline(always)]
fn key(held: &Held, lock: u64, generation: u64, call: u64) -> u64 {
    let requested = if held.is_empty() {
        0
    } else {
        lock ^ generation.rotate_left(40)
    };
    mix(mix(held.sum, requested), call).max(1)
}

/// A known chain: counted, and told once more when a second task takes it.
#[inline(always)]
fn again(known: &mut ChainCount, key: u64, task: u64, probe: ProbeIndex) {
    known.count += 1;
    // The first is what most are.
    if known.task != task && known.told == 0 {
        tell_again(known, key, probe);
    }
}

#[inline(never)]
fn tell_again(known: &mut ChainCount, key: u64, probe: ProbeIndex) {
    // SAFETY: the ring gives a place for exactly this type.
    if send::<Again>(Kind::AGAIN, probe, |record| unsafe { (*record).key = key }) {
        known.told = 1;
    }
}
