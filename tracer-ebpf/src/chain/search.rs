//! A chain that is not at its place: it is searched for, another stands for it, or it is told.

use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::HashMap};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Chain, ChainCount, Kind, info},
};

use super::{again, key};
use crate::{
    call::Call,
    count::count_at,
    epoch::epoch,
    held::Held,
    init::copy_name,
    path, recent, shift,
    situation::{denies, object_name, send_with_held},
    task::current,
};

/// Every chain that was sent, and how often it was seen.
#[map]
static CHAINS: HashMap<u64, ChainCount> = HashMap::with_max_entries(131_072, 0);

/// A chain that was told.
pub struct Known {
    /// Its count; null when that is not to be raised.
    pub count: *mut ChainCount,
    /// Its key; 0 for none.
    pub chain: u64,
}

impl Known {
    /// One that is not counted.
    #[inline(always)]
    fn uncounted(chain: u64) -> Self {
        Self {
            count: core::ptr::null_mut(),
            chain,
        }
    }
}

/// What is asked for, and by which chain.
pub struct Request {
    pub key: u64,
    pub lock: u64,
    pub generation: u64,
    /// Where in the kernel and how, whatever the lock.
    pub call: u64,
}

/// A chain that is not found at its place: it is searched for, or new.
///
/// A function of its own, like all that is seldom done for a lock: what is done each time is then short and lies together. Not `#[cold]`, which would put it into a section of its
/// own: aya 0.14 takes functions of two sections for one another when they are at the same place.
#[inline(never)]
pub fn searched<C: Call>(context: &C, held: &mut Held, request: &Request, probe: ProbeIndex, info: u64) -> u64 {
    let Known { count, chain } = if let Some(count) = CHAINS.get_ptr_mut(request.key) {
        Known {
            count,
            chain: request.key,
        }
    } else {
        unknown(context, held, request, probe, info)
    };
    if !count.is_null() {
        // SAFETY: as in `seen_at`.
        again(unsafe { &mut *count }, chain, held.task, probe);
    }
    // Found here or there: the verifier follows one path from here on.
    held.launder(chain)
}

/// A chain that has no count under its own key: one that stands for it, or itself when it is told.
#[inline(always)]
fn unknown<C: Call>(context: &C, held: &mut Held, request: &Request, probe: ProbeIndex, info: u64) -> Known {
    let &Request {
        key: found,
        lock,
        generation,
        call,
    } = request;
    // A hold that cannot be true makes any chain a new one.
    let key = if drop_denied(held, lock, info, probe) {
        key(held, lock, generation, call)
    } else {
        found
    };
    // Dropped or not: the verifier follows one path from here on.
    let key = held.launder(key);
    let (path, known) = if held.is_empty() {
        first(context, held, key, info, probe)
    } else {
        let path = path::of_chain(held, lock, info, call);
        (path, Known::uncounted(path::stands_for(path, held.task, probe)))
    };
    if known.chain != 0 {
        return known;
    }
    let path = held.launder(path);
    match tell(context, held, key, lock, generation, probe, info) {
        Told::Now => {
            recent::keep(key, key, held.task);
            if held.is_empty() {
                shift::tell(path, key);
            } else {
                path::told(path, key, held.task);
            }
        }
        Told::Before(count) => return Known { count, chain: key },
        Told::Not => {}
    }
    Known::uncounted(key)
}

/// The path of a chain with nothing held that is not known at this depth, and the chain that was told of it; none when none was.
#[inline(always)]
fn first<C: Call>(context: &C, held: &mut Held, key: u64, info: u64, probe: ProbeIndex) -> (u64, Known) {
    if let Some(known) = shift::known(key) {
        return (0, known);
    }
    let path = shift::walk(context, held, info | held.window_kind << 32, probe);
    let chain = shift::told(path, key, held.task);
    let count = CHAINS.get_ptr_mut(chain).unwrap_or(core::ptr::null_mut());
    (path, Known { count, chain })
}

/// Drops a hold of the lock that is being requested when it cannot be true, or cannot be believed any more; true when there was one. An exclusive one is
/// denied by the lock's owner word: its release was missed, or the same request came through two hooked functions (`mutex_lock_io()` calls
/// `mutex_lock()`). A shared one is of an earlier epoch.
#[inline(always)]
fn drop_denied(held: &mut Held, lock: u64, info: u64, probe: ProbeIndex) -> bool {
    let Some(place) = held.find(lock) else { return false };
    let hold = held.slot(place).info;
    // It is of the kind that is requested, which is a constant.
    let is_stale = if info::is_named(info & info::KIND | hold & info::SHARED) {
        denies(lock, info, current())
    } else {
        info::epoch(hold) != epoch()
    };
    if is_stale {
        held.remove(place);
        count_at(Counter::StaleHold, probe);
    }
    is_stale
}

/// What became of a chain that was to be told.
enum Told {
    /// It was told.
    Now,
    /// Another task was faster, or a hold was dropped and the rest is known: its count.
    Before(*mut ChainCount),
    /// There was no room, which is counted.
    Not,
}

/// Tells a new chain.
#[inline(always)]
#[allow(
    clippy::too_many_arguments,
    reason = "all of it is in registers; a structure would not be"
)]
fn tell<C: Call>(
    context: &C,
    held: &mut Held,
    key: u64,
    lock: u64,
    generation: u64,
    probe: ProbeIndex,
    info: u64,
) -> Told {
    let first = ChainCount {
        count: 1,
        task: held.task,
        told: 0,
    };
    match CHAINS.insert(key, &first, u64::from(BPF_NOEXIST)) {
        Ok(()) => {}
        Err(error) if error == -EEXIST => return CHAINS.get_ptr_mut(key).map_or(Told::Not, Told::Before),
        Err(_) => {
            count_at(Counter::ChainsFull, probe);
            return Told::Not;
        }
    }
    let sent = send_with_held::<Chain>(Kind::CHAIN, probe, context, held, |record| {
        // SAFETY: there is room for exactly this type.
        unsafe {
            (*record).key = key;
            (*record).lock = lock;
            (*record).info = info;
            (*record).generation = generation;
            copy_name(lock, info, &raw mut (*record).name);
            object_name(lock, info, &raw mut (*record).device);
            &raw mut (*record).situation
        }
    });
    if !sent {
        // It is new again when it is seen again.
        let _ = CHAINS.remove(key);
        return Told::Not;
    }
    Told::Now
}

/// `include/uapi/asm-generic/errno-base.h`
const EEXIST: i32 = 17;
