//! How long locks are waited for and held: sums, which user space reads when it wants to know.

use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::HashMap, programs::BtfTracePointContext};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Contended, Durations, HeldFor, Kind, MAX_DURATIONS, contention, info},
};

use crate::{
    atomic,
    call::Call,
    count::count_at,
    held::{Held, mix},
    kernel::now,
    ring::send,
    setting::setting,
    tasks,
};

/// How long each lock was waited for at each place, by the key of [`Contended`].
#[map]
static WAITED: HashMap<u64, Durations> = HashMap::with_max_entries(MAX_DURATIONS, 0);

/// How long each lock was held, by its address.
#[map]
static HELD_FOR: HashMap<u64, Durations> = HashMap::with_max_entries(MAX_DURATIONS, 0);

/// A task begins to wait for the lock that it requested last: `contention_begin(lock, flags)`.
#[inline(always)]
pub fn contended(context: &BtfTracePointContext, _probe: ProbeIndex) {
    if !contention::sleeps(context.argument(1) & 0xffff_ffff) {
        return;
    }
    let lock = context.argument(0);
    let Some(held) = tasks::known() else { return };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    // A mutex tells twice: when it spins and when it sleeps.
    if held.is_last(lock) && held.contended.request != held.sequence {
        held.contended.since_ns = now();
        held.contended.request = held.sequence;
    }
}

/// It waits no longer: `contention_end(lock, error)`.
#[inline(always)]
pub fn got(context: &BtfTracePointContext, probe: ProbeIndex) {
    let lock = context.argument(0);
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `contended`.
    let held = unsafe { &mut *held };
    if held.contended.request != held.sequence || !held.is_last(lock) {
        return;
    }
    held.contended.request = 0;
    let took_ns = now().wrapping_sub(held.contended.since_ns);
    let last = held.top.wrapping_sub(1);
    let slot = *held.slot(last);
    let key = mix(
        mix(lock ^ slot.generation.rotate_left(40), slot.chain),
        slot.info & info::MASK,
    );
    waited(key, took_ns, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).lock = lock;
            (*record).info = slot.info;
            (*record).generation = slot.generation;
            (*record).chain = slot.chain;
            (*record).stack_bytes = 0;
        }
    });
}

/// A wait is over. What was waited for is told when that is new.
#[inline(always)]
pub fn waited(key: u64, took_ns: u64, probe: ProbeIndex, fill: impl FnOnce(*mut Contended)) {
    if let Some(known) = WAITED.get_ptr_mut(key) {
        // SAFETY: a value of the map.
        unsafe { add(known, took_ns) };
        return;
    }
    let first = Durations::of(took_ns);
    if WAITED.insert(key, &first, u64::from(BPF_NOEXIST)).is_err() {
        count_at(Counter::DurationsFull, probe);
        return;
    }
    let sent = send::<Contended>(Kind::CONTENDED, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe { (*record).key = key };
        fill(record);
    });
    if !sent {
        // It is new again when it comes again.
        let _ = WAITED.remove(key);
    }
}

/// Adds a time to others.
///
/// # Safety
/// `known` is valid.
#[inline(always)]
unsafe fn add(known: *mut Durations, took_ns: u64) {
    // SAFETY: the caller's. Of two longest at the same time one may be lost.
    unsafe {
        atomic::add(&raw mut (*known).count, 1);
        atomic::add(&raw mut (*known).total_ns, took_ns);
        if (*known).max_ns < took_ns {
            (*known).max_ns = took_ns;
        }
    }
}

/// A hold begins, in the slot behind the last used one.
#[inline(always)]
pub fn hold(held: &mut Held) {
    if setting!(scope.hold_times) != 0 {
        let place = held.top;
        *held.since(place) = now();
    }
}

/// The hold in a slot ends.
#[inline(always)]
pub fn release(held: &mut Held, place: u64, probe: ProbeIndex) {
    if setting!(scope.hold_times) == 0 {
        return;
    }
    let took_ns = now().wrapping_sub(*held.since(place));
    let lock = held.slot(place).lock;
    if let Some(known) = HELD_FOR.get_ptr_mut(lock) {
        // SAFETY: a value of the map.
        unsafe { add(known, took_ns) };
        return;
    }
    let first = Durations::of(took_ns);
    if HELD_FOR.insert(lock, &first, u64::from(BPF_NOEXIST)).is_err() {
        count_at(Counter::DurationsFull, probe);
    }
}

/// Another lock begins at an address: what is known of the one that was there is told.
#[inline(always)]
pub fn renew(lock: u64, probe: ProbeIndex) {
    if setting!(scope.hold_times) == 0 {
        return;
    }
    let Some(known) = HELD_FOR.get_ptr(lock) else { return };
    send::<HeldFor>(Kind::HELD_FOR, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type, and the map a value.
        unsafe {
            (*record).lock = lock;
            (*record).durations = *known;
        }
    });
    let _ = HELD_FOR.remove(lock);
}
