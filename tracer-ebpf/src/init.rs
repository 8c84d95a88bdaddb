//! Initialisation of locks: another lock begins, and the kernel says what it is called.
//!
//! A kernel with lockdep keeps a class in every lock, whether its initialisation was seen or not: the name is then taken from there.

use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::generated::bpf_probe_read_kernel,
    macros::map,
    maps::{HashMap, LruHashMap},
};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{InitName, Kind, LockInit, info},
};

use crate::{
    call::Call,
    count::{count, count_at},
    duration, generation,
    kernel::{peek, read, read_string},
    left_out,
    ring::send,
    setting::{dep_map_offset, has_lockdep, offset},
    task::is_own,
    tasks::known,
};

/// Address of the name of each lock that was initialised lately.
#[map]
static NAMES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(65_536, 0);

/// Names that were sent, by what they go by, as [`state`] has them.
#[map]
static NAMES_SENT: HashMap<u64, u64> = HashMap::with_max_entries(16_384, 0);

/// A lock is initialised; with a name in argument 1 when `named`.
#[inline(always)]
pub fn init<C: Call>(context: &C, probe: ProbeIndex, _info: u64, named: bool) {
    if is_own() {
        return;
    }
    let lock = context.argument(0);
    left_out::forget(lock);
    duration::renew(lock, probe);
    if named && !has_lockdep() {
        let name = context.argument(1);
        tell_name(name, probe);
        left_out::begin(lock, name);
        let _ = NAMES.insert(lock, name, u64::from(BPF_ANY));
    }
    if let Some(generation) = generation::begin(lock) {
        let held = known().is_some_and(|held| {
            // SAFETY: a value of the map of tasks, which only its own task changes.
            unsafe { (*held).find(lock).is_some() }
        });
        if held {
            count_at(Counter::InitHeld, probe);
        }
        send::<LockInit>(Kind::LOCK_INIT, probe, |record| {
            // SAFETY: the ring gives a place for exactly this type.
            unsafe {
                (*record).lock = lock;
                (*record).held = u64::from(held);
                (*record).generation = generation;
            }
        });
    }
}

/// What is called like this from here on, and was not seen to begin.
#[inline(always)]
pub fn name_as(object: u64, name: u64, probe: ProbeIndex) {
    if !has_lockdep() {
        tell_name(name, probe);
        let _ = NAMES.insert(object, name, u64::from(BPF_ANY));
    }
}

/// Sends a name the first time.
#[inline(always)]
fn tell_name(name: u64, probe: ProbeIndex) {
    // SAFETY: the value is not used.
    if name != 0 && unsafe { NAMES_SENT.get(name) }.is_none() {
        left_out::meet(name);
        send_name(name, name, 0, probe);
    }
}

#[inline(always)]
fn send_name(address: u64, name: u64, version: u64, probe: ProbeIndex) {
    let sent = send::<InitName>(Kind::INIT_NAME, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).address = address;
            (*record).version = version;
            read_string(name, &raw mut (*record).name);
        }
    });
    if sent
        && NAMES_SENT
            .insert(address, state(name, version), u64::from(BPF_ANY))
            .is_err()
    {
        count(Counter::NamesFull);
    }
}

/// The upper bits of a kernel address are all ones: a number of a few thousand fits in.
const VERSION_SHIFT: u32 = 48;

/// A name and its number in one word.
#[inline(always)]
fn state(name: u64, version: u64) -> u64 {
    name ^ version << VERSION_SHIFT
}

/// On a kernel with lockdep: sends the name of the class of a lock that is taken or given back, at first and again once lockdep has numbered it, which
/// it does when the first lock of a class is acquired: later than this at the request, earlier at the release. A key that was freed may go on as that of
/// another class, with another name.
#[inline(always)]
pub fn tell_class(lock: u64, info: u64, probe: ProbeIndex) {
    if !has_lockdep() {
        return;
    }
    let (key, name) = (
        class_key(lock, info),
        peek(lock, dep_map_member(info, offset!(dep_map_name))),
    );
    let Some(name) = name.filter(|name| key != 0 && *name != 0) else {
        return;
    };
    let version = class_version(lock, info, 0);
    // SAFETY: copied at once; at worst a name is sent twice.
    let sent = unsafe { NAMES_SENT.get(key) }.copied().unwrap_or(0);
    let is_named = (sent ^ name) << (64 - VERSION_SHIFT) == 0;
    if version != 0 {
        if sent != state(name, version) {
            send_name(key, name, version, probe);
        }
    } else if !is_named || sent == name {
        // Only ever taken with the first subclass, which is numbered apart when it comes first (`count_matching_names()`).
        let version = class_version(lock, info, 1);
        if sent != state(name, version) {
            send_name(key, name, version, probe);
        }
    }
}

/// Number of the class that lockdep has cached in a lock for a subclass (`register_lock_class()`); 0 before it has.
#[inline(always)]
fn class_version(lock: u64, info: u64, subclass: i64) -> u64 {
    let cached = offset!(dep_map_class) + subclass * size_of::<u64>() as i64;
    match peek(lock, dep_map_member(info, cached)) {
        Some(class) if class != 0 => u64::from(read::<u32>(class, offset!(class_version)).unwrap_or(0)),
        _ => 0,
    }
}

/// Where in a lock a member of lockdep's map is.
#[inline(always)]
fn dep_map_member(info: u64, member: i64) -> i64 {
    dep_map_offset(info & info::KIND) as i64 + member
}

/// What the name of a lock goes by on a kernel with lockdep: the key of its class; 0 when it has none.
#[inline(always)]
fn class_key(lock: u64, info: u64) -> u64 {
    let map = dep_map_offset(info & info::KIND);
    if map == 0 {
        return 0;
    }
    // A variable that was never taken has no key yet: it gets the address of its map (`assign_lock_key()`).
    match peek(lock, dep_map_member(info, offset!(dep_map_key))) {
        Some(key) if key != 0 => key,
        _ => lock.wrapping_add(map),
    }
}

/// What a lock's name goes by, or 0: see [`copy_name`].
#[inline(always)]
pub fn name_of(lock: u64, info: u64) -> u64 {
    let mut name = 0;
    // SAFETY: a variable.
    unsafe { copy_name(lock, info, &raw mut name) };
    name
}

/// Copies what a lock's name goes by: the address of the name that it was initialised with, or the key of its class; 0 when that was not seen.
/// Few branches, where the verifier would follow both sides.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub unsafe fn copy_name(lock: u64, info: u64, to: *mut u64) {
    if has_lockdep() {
        // SAFETY: the caller's.
        unsafe { *to = class_key(lock, info) };
        return;
    }
    let from = NAMES.get_ptr(lock).unwrap_or(core::ptr::null());
    // SAFETY: the caller's. A null pointer is not readable: the helper then writes zeroes.
    unsafe { bpf_probe_read_kernel(to.cast(), size_of::<u64>() as u32, from.cast()) };
}
