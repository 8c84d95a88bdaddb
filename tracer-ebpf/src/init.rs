//! Initialisation of locks: another lock begins, and the kernel says what it is called.

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_NOEXIST},
    helpers::generated::bpf_probe_read_kernel,
    macros::map,
    maps::{HashMap, LruHashMap},
    programs::FEntryContext,
};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{InitName, Kind, LockInit},
};

use crate::{
    count::{count, count_at},
    generation,
    kernel::read_string,
    left_out,
    ring::send,
    task::{argument, current, is_own, known},
};

/// Address of the name of each lock that was initialised lately.
#[map]
static NAMES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(65_536, 0);

/// Names that were sent.
#[map]
static NAMES_SENT: HashMap<u64, u64> = HashMap::with_max_entries(16_384, 0);

/// A lock is initialised; with a name in argument 1 when `named`.
#[inline(always)]
pub fn init(context: &FEntryContext, probe: ProbeIndex, _info: u64, named: bool) {
    if is_own() {
        return;
    }
    let lock = argument(context, 0);
    left_out::forget(lock);
    if named {
        let name = argument(context, 1);
        let _ = NAMES.insert(lock, name, u64::from(BPF_ANY));
        tell_name(name, probe);
    }
    if generation::begin(lock) {
        let held = known(current()).is_some_and(|held| {
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
            }
        });
    }
}

/// Sends a name the first time.
#[inline(always)]
fn tell_name(name: u64, probe: ProbeIndex) {
    // SAFETY: the value is not used.
    if name == 0 || unsafe { NAMES_SENT.get(name) }.is_some() {
        return;
    }
    let sent = send::<InitName>(Kind::INIT_NAME, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).address = name;
            read_string(name, &raw mut (*record).name);
        }
    });
    if sent && NAMES_SENT.insert(name, 1, u64::from(BPF_NOEXIST)).is_err() {
        count(Counter::NamesFull);
    }
}

/// Copies the address of the name that a lock was initialised with; 0 when that was not seen. No branch, where the verifier would follow both sides.
///
/// # Safety
/// `to` is valid for writes.
#[inline(always)]
pub unsafe fn copy_name(lock: u64, to: *mut u64) {
    let from = NAMES.get_ptr(lock).unwrap_or(core::ptr::null());
    // SAFETY: the caller's. A null pointer is not readable: the helper then writes zeroes.
    unsafe { bpf_probe_read_kernel(to.cast(), size_of::<u64>() as u32, from.cast()) };
}
