//! Who completes a completion that somebody waits for, and what had to happen before.
//!
//! Whoever completes it had to get what it holds then, and what it requested since the wait began, as DEPT has it (`Documentation/dependency/` of its patches): so waits are
//! numbered, and requests are remembered with that number while there is a wait of a task that holds something. A work item had to get all that it requested.

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::LruHashMap};
use tracer_common::{
    offset::ABSENT,
    probe::ProbeIndex,
    wire::{Kind, RECENT, Recent, Wake},
};

use crate::{
    atomic,
    call::{Call, Entry},
    held::{Held, mix},
    kernel::peek,
    setting::offset,
    situation::send_with_held,
    slots::masked,
    task::current,
    tasks,
    wait::is_on_stack,
};

/// A wait of a task that holds something.
#[repr(C)]
#[derive(Clone, Copy)]
struct Begun {
    /// Its number.
    number: u64,
    /// Who waits; 0 once the wait was given up.
    waiter: u64,
}

/// Completions that somebody waits for, or gave up. Those that were looked for least lately are forgotten.
#[map]
static WAITS: LruHashMap<u64, Begun> = LruHashMap::with_max_entries(8192, 0);

/// How many waits began so far ([`BEGUN`]), and how many go on ([`PENDING`]).
static mut CLOCK: [u64; 2] = [0; 2];
const BEGUN: usize = 0;
const PENDING: usize = 1;

/// Wakes that were told.
#[map]
static TOLD_WAKES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(8192, 0);

/// A completion is completed.
#[inline(always)]
pub fn complete(context: &Entry, probe: ProbeIndex, info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    // What an interrupt does is no part of what the task does.
    let depth = context.depth();
    if !is_on_stack(depth) {
        return;
    }
    let object = context.first();
    let Some(begun) = WAITS.get_ptr(object) else { return };
    // SAFETY: a value of the map.
    let Begun { number: since, waiter } = unsafe { *begun };
    // That the end of a wait was not seen does not make it go on.
    if waiter != 0 && !is_waited_for(object, waiter) {
        return;
    }
    // What was requested before the wait began is none of its business; but a work item does all that it does before it completes something.
    let runs_work = held.work[0] != 0;
    let mut hash = mix(mix(object, held.sum), context.caller(held, probe));
    for place in 0..RECENT {
        let recent = &mut held.recent[place];
        if recent.waits < since && !runs_work {
            recent.lock = 0;
        }
        if recent.lock != 0 {
            hash = hash.wrapping_add(mix(recent.lock, recent.chain));
        }
    }
    let hash = held.launder(hash);
    if TOLD_WAKES.get_ptr(hash).is_some() {
        return;
    }
    let recent = &raw const held.recent;
    let sent = send_with_held::<Wake>(Kind::WAKE, probe, context, held, |record| {
        // SAFETY: there is room for exactly this type; the requests are a field of the held stack, which is not in the record.
        unsafe {
            (*record).object = object;
            (*record).info = info;
            (*record).recent = *recent;
            &raw mut (*record).situation
        }
    });
    if sent {
        let _ = TOLD_WAKES.insert(hash, 1, u64::from(BPF_ANY));
    }
}

/// Remembers a request while there are waits, and in work items, which often do what somebody is about to wait for.
#[inline(always)]
pub fn remember(held: &mut Held, lock: u64, chain: u64, info: u64, generation: u64) {
    if clock(PENDING) == 0 && held.work[0] == 0 {
        return;
    }
    let place = masked::<{ RECENT as u64 - 1 }>(held.requests) as usize;
    held.requests += 1;
    // SAFETY: masked.
    *unsafe { held.recent.get_unchecked_mut(place) } = Recent {
        lock,
        chain,
        info,
        generation,
        waits: clock(BEGUN),
    };
}

const _: () = assert!(RECENT.is_power_of_two());

/// A task that holds something waits for a completion.
#[inline(always)]
pub fn begin(object: u64) {
    add(BEGUN, 1);
    let number = clock(BEGUN);
    add(PENDING, 1);
    let begun = Begun {
        number,
        waiter: current(),
    };
    let _ = WAITS.insert(object, begun, u64::from(BPF_ANY));
}

/// Its wait is over. What has not come is still looked for: it had to come while the wait went on, and could not perhaps because of that.
#[inline(always)]
pub fn end(object: u64, has_come: bool) {
    add(PENDING, u64::MAX);
    if has_come {
        let _ = WAITS.remove(object);
    } else if let Some(begun) = WAITS.get_ptr_mut(object) {
        // SAFETY: a value of the map.
        unsafe { (*begun).waiter = 0 };
    }
}

/// A task that holds nothing waits for it: that is another wait than the one that it began with something held, if that was not seen to end.
#[inline(always)]
pub fn begin_free(object: u64) {
    if let Some(begun) = WAITS.get_ptr(object)
        // SAFETY: a value of the map.
        && unsafe { (*begun).waiter } == current()
    {
        let _ = WAITS.remove(object);
    }
}

/// Whether a task sleeps until something is completed: it stands first or last among those that do (`__prepare_to_swait()` in kernel/sched/swait.c).
#[inline(always)]
fn is_waited_for(object: u64, waiter: u64) -> bool {
    let waiters = offset!(completion_waiters);
    if waiters == ABSENT {
        return true;
    }
    // `struct list_head`: what comes next, and what came before.
    let stands = |end: i64| {
        peek(object, waiters + end).is_some_and(|place| {
            peek(place.wrapping_sub(offset!(waiter_place) as u64), offset!(waiter_task)) == Some(waiter)
        })
    };
    stands(0) || stands(8)
}

/// One of the two numbers.
#[inline(always)]
fn clock(which: usize) -> u64 {
    // SAFETY: a static; volatile, because other CPUs change it.
    unsafe { core::ptr::read_volatile((&raw const CLOCK).cast::<u64>().add(which)) }
}

/// Adds to one of the two numbers.
#[inline(always)]
fn add(which: usize, number: u64) {
    // SAFETY: a valid, aligned number.
    unsafe { atomic::add((&raw mut CLOCK).cast::<u64>().add(which), number) };
}
