//! Who waits for whom right now, by the owner words of the locks: all there is where functions cannot be hooked.
//!
//! Who waits is noted as it begins. All tasks are looked at: one that has waited for some time is told, with the lock's owner word, and then whoever that names is,
//! with where it is. Nothing is sent as long as nobody waits for long, but for how long each lock was waited for (see `duration.rs`).

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    bindings::BPF_ANY,
    helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, generated::bpf_get_stack},
    macros::map,
    maps::{HashMap, LruHashMap, PerCpuArray},
    programs::BtfTracePointContext,
};
use tracer_common::{
    counter::Counter,
    offset::ABSENT,
    probe::ProbeIndex,
    wire::{BLOCKED_DEPTH, Blocked, COMM_LEN, Holder, Kind, MAX_WAITING, Unblocked, contention},
};

use crate::{
    call::Call,
    count::count_at,
    duration::waited,
    held::mix,
    kernel::{now, peek},
    looked::{self, Task},
    ring::send,
    setting::offset,
    task::{current, is_traced},
};

/// A task that waits.
#[repr(C)]
#[derive(Clone, Copy)]
struct Waiting {
    lock: u64,
    flags: u64,
    since_ns: u64,
    /// Not 0: it was told.
    told: u64,
    ids: u64,
    comm: [u8; COMM_LEN],
    stack_bytes: i64,
    stack: [u64; BLOCKED_DEPTH],
}

/// Tasks that wait, by the address of their `task_struct`.
#[map]
static WAITING: HashMap<u64, Waiting> = HashMap::with_max_entries(MAX_WAITING, 0);

/// Room to put one together: it is larger than a program's stack.
#[map]
static NEW: PerCpuArray<Waiting> = PerCpuArray::with_max_entries(1, 0);

/// Tasks that have a lock which another waits for, and are to be told, by the same address.
#[map]
static HOLDERS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4096, 0);

/// Who has waited for less is not told: most get what they wait for.
const LONG_NS: u64 = 200_000_000;

/// Frames that tell places apart.
const FRAMES: usize = 16;

/// A task begins to wait: `contention_begin(lock, flags)`.
#[inline(always)]
pub fn begin(context: &BtfTracePointContext, probe: ProbeIndex) {
    let (lock, flags) = (context.argument(0), context.argument(1) & 0xffff_ffff);
    if !contention::sleeps(flags) || !is_traced() {
        return;
    }
    let task = current();
    // A mutex tells twice: when it spins and when it sleeps.
    if WAITING
        .get_ptr(task)
        // SAFETY: the entry is the task's own.
        .is_some_and(|known| unsafe { (*known).lock == lock })
    {
        return;
    }
    let Some(new) = NEW.get_ptr_mut(0) else { return };
    // SAFETY: a valid cell of this CPU, on which the program stays.
    unsafe {
        (*new).lock = lock;
        (*new).flags = flags;
        (*new).since_ns = now();
        (*new).told = 0;
        (*new).ids = bpf_get_current_pid_tgid();
        (*new).comm = bpf_get_current_comm().unwrap_or_default();
        (*new).stack = [0; BLOCKED_DEPTH];
        (*new).stack_bytes = bpf_get_stack(
            context.as_ptr(),
            (&raw mut (*new).stack).cast(),
            (8 * BLOCKED_DEPTH) as u32,
            0,
        ) as i64;
        if WAITING.insert(task, &*new, u64::from(BPF_ANY)).is_err() {
            count_at(Counter::TasksFull, probe);
        }
    }
}

/// It waits no longer: `contention_end(lock, error)`.
#[inline(always)]
pub fn end(context: &BtfTracePointContext, probe: ProbeIndex) {
    let task = current();
    let Some(known) = WAITING.get_ptr(task) else { return };
    let lock = context.argument(0);
    // SAFETY: the entry is the task's own, and stays until it is removed.
    unsafe {
        if (*known).lock != lock {
            return;
        }
        if (*known).told != 0 {
            send::<Unblocked>(Kind::UNBLOCKED, probe, |record| {
                (*record).waiter = task;
                (*record).lock = lock;
            });
        }
        let info = contention::info((*known).flags);
        let mut key = mix(lock, info);
        for place in 0..FRAMES {
            key = mix(key, (*known).stack[place]);
        }
        waited(key, now().wrapping_sub((*known).since_ns), probe, |record| {
            (*record).lock = lock;
            (*record).info = info;
            (*record).generation = 0;
            (*record).chain = 0;
            (*record).stack_bytes = (*known).stack_bytes;
            (*record).stack = (*known).stack;
        });
    }
    let _ = WAITING.remove(task);
}

/// Forgets a task.
#[inline(always)]
pub fn free(task: u64) {
    let _ = WAITING.remove(task);
}

/// Looks at a task: tells it when it has waited for long, or when somebody waits for it.
#[inline(always)]
pub fn look(context: *mut c_void, probe: ProbeIndex) {
    let task = looked::task(context);
    if task.is_null() {
        return;
    }
    let task = Task {
        task,
        address: task as u64,
    };
    if let Some(waiting) = WAITING.get_ptr_mut(task.address) {
        // SAFETY: a value of the map; the task itself may remove it meanwhile, and says so then.
        unsafe {
            if (*waiting).told == 0 && now().wrapping_sub((*waiting).since_ns) >= LONG_NS {
                tell(&task, waiting, probe);
            }
        }
    } else if HOLDERS.get_ptr(task.address).is_some() {
        let sent = send::<Holder>(Kind::HOLDER, probe, |record| {
            // SAFETY: the ring gives a place for exactly this type.
            unsafe {
                task.header(&raw mut (*record).header, Kind::HOLDER, probe);
                (*record).stack_bytes = task.walk::<BLOCKED_DEPTH>((&raw mut (*record).stack).cast());
            }
        });
        if sent {
            let _ = HOLDERS.remove(task.address);
        }
    }
}

/// Tells a task that waits, and sees to it that whoever it waits for is told.
///
/// # Safety
/// `waiting` is what is known of it.
#[inline(always)]
unsafe fn tell(task: &Task, waiting: *mut Waiting, probe: ProbeIndex) {
    // SAFETY: the caller's; the ring gives a place for exactly this type.
    unsafe {
        let owner = owner((*waiting).lock, (*waiting).flags);
        let sent = send::<Blocked>(Kind::BLOCKED, probe, |record| {
            (*record).waiter = task.address;
            (*record).lock = (*waiting).lock;
            (*record).flags = (*waiting).flags;
            (*record).owner = owner;
            (*record).since_ns = (*waiting).since_ns;
            (*record).index = 0;
            (*record).of = 1;
            (*record).ids = (*waiting).ids;
            (*record).comm = (*waiting).comm;
            (*record).stack_bytes = (*waiting).stack_bytes;
            (*record).stack = (*waiting).stack;
        });
        if !sent {
            return;
        }
        (*waiting).told = 1;
        let holder = owner & !contention::OWNER_FLAGS;
        if holder != 0 {
            let _ = HOLDERS.insert(holder, 1, u64::from(BPF_ANY));
        }
    }
}

/// A mutex is handed over to the task in its owner word, which does not have it yet (kernel/locking/mutex.c). Owner words of rwsems have no such bit.
const MUTEX_FLAG_PICKUP: u64 = 4;

/// The owner word of a lock, 0 when nobody has it or nothing tells.
#[inline(always)]
fn owner(lock: u64, flags: u64) -> u64 {
    let offset = if contention::is_mutex(flags) {
        offset!(mutex_owner)
    } else if contention::is_rwsem(flags) {
        offset!(rwsem_owner)
    } else {
        ABSENT
    };
    let word = peek(lock, offset).unwrap_or(0);
    if word & MUTEX_FLAG_PICKUP != 0 { 0 } else { word }
}
