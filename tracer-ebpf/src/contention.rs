//! Who waits for whom right now, by the owner words of the locks: all there is where functions cannot be hooked.
//!
//! A circle of waiting tasks is closed by the last of them that begins to wait, and by nothing else: so it is looked for there, and only there.
//! Nothing is sent as long as there is none.

use aya_ebpf::{
    EbpfContext,
    bindings::BPF_ANY,
    helpers::{bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns, generated::bpf_get_stack},
    macros::map,
    maps::{HashMap, PerCpuArray},
    programs::BtfTracePointContext,
};
use tracer_common::{
    counter::Counter,
    offset::ABSENT,
    probe::ProbeIndex,
    wire::{BLOCKED_DEPTH, Blocked, COMM_LEN, Kind, Unblocked, contention},
};

use crate::{
    call::Call,
    count::count_at,
    kernel::peek,
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
    /// Not 0: it is part of a circle that was sent.
    told: u64,
    ids: u64,
    comm: [u8; COMM_LEN],
    stack_bytes: i64,
    stack: [u64; BLOCKED_DEPTH],
}

/// Tasks that wait, by the address of their `task_struct`.
#[map]
static WAITING: HashMap<u64, Waiting> = HashMap::with_max_entries(16_384, 0);

/// Room to put one together: it is larger than a program's stack.
#[map]
static NEW: PerCpuArray<Waiting> = PerCpuArray::with_max_entries(1, 0);

/// A cell for [`launder`].
#[map]
static CELL: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Tasks of a circle that is found.
const MAX_CIRCLE: u32 = 8;

/// The same number, of which the verifier knows nothing any more: paths on which it came about in different ways are one from here on. Without it the
/// verifier of 6.1 follows each circle of each length with each kind of lock, and gives up.
#[inline(always)]
fn launder(cell: *mut u64, value: u64) -> u64 {
    // SAFETY: `cell` is the value of a map; volatile, so that the number really goes through memory.
    unsafe {
        core::ptr::write_volatile(cell, value);
        core::ptr::read_volatile(cell)
    }
}

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
        .is_some_and(|known| unsafe { (*known).lock == lock && (*known).told != 0 })
    {
        return;
    }
    let Some(new) = NEW.get_ptr_mut(0) else { return };
    // SAFETY: a valid cell of this CPU, on which the program stays.
    unsafe {
        (*new).lock = lock;
        (*new).flags = flags;
        (*new).since_ns = bpf_ktime_get_ns();
        (*new).told = 0;
        (*new).ids = bpf_get_current_pid_tgid();
        (*new).comm = bpf_get_current_comm().unwrap_or_default();
        (*new).stack_bytes = bpf_get_stack(
            context.as_ptr(),
            (&raw mut (*new).stack).cast(),
            (8 * BLOCKED_DEPTH) as u32,
            0,
        ) as i64;
        if WAITING.insert(task, &*new, u64::from(BPF_ANY)).is_err() {
            count_at(Counter::TasksFull, probe);
            return;
        }
    }
    let Some(cell) = CELL.get_ptr_mut(0) else { return };
    let length = circle(cell, task, lock, flags, probe);
    let length = launder(cell, length.into()) as u32;
    if length > 0 {
        tell(cell, task, length, probe);
    }
}

/// It waits no longer.
#[inline(always)]
pub fn end(context: &BtfTracePointContext, probe: ProbeIndex) {
    let task = current();
    let Some(known) = WAITING.get_ptr(task) else { return };
    let lock = context.argument(0);
    // SAFETY: the entry is the task's own.
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
    }
    let _ = WAITING.remove(task);
}

/// Forgets a task.
#[inline(always)]
pub fn free(task: u64) {
    let _ = WAITING.remove(task);
}

/// A mutex is handed over to the task in its owner word, which does not have it yet (kernel/locking/mutex.c). Owner words of rwsems have no such bit.
const MUTEX_FLAG_PICKUP: u64 = 4;

/// The owner word of a lock, 0 when nobody has it or nothing tells.
#[inline(always)]
fn owner(cell: *mut u64, lock: u64, flags: u64) -> u64 {
    let offset = if contention::is_mutex(flags) {
        offset!(mutex_owner)
    } else if contention::is_rwsem(flags) {
        offset!(rwsem_owner)
    } else {
        ABSENT
    };
    let offset = launder(cell, offset as u64) as i64;
    let word = peek(lock, offset).unwrap_or(0);
    // No branch, which the verifier would follow: all bits go when this one is set.
    let handed_over = word / MUTEX_FLAG_PICKUP & 1;
    launder(cell, word & handed_over.wrapping_sub(1))
}

/// How many tasks wait in a circle that begins and ends with this one; 0 when it does not.
#[inline(always)]
fn circle(cell: *mut u64, task: u64, lock: u64, flags: u64, probe: ProbeIndex) -> u32 {
    let (mut lock, mut flags, mut passed) = (lock, flags, 0);
    for length in 1..=MAX_CIRCLE {
        let holder = owner(cell, lock, flags) & !contention::OWNER_FLAGS;
        if holder == 0 {
            return 0;
        }
        if holder == task {
            return length;
        }
        // A circle without this task (found as Brent does): those in it have told of it. Or it is one task, which has got what it waits for and is about to say so.
        if holder == passed {
            return 0;
        }
        if length.is_power_of_two() {
            passed = holder;
        }
        let Some(waiting) = WAITING.get_ptr(holder) else {
            return 0;
        };
        // SAFETY: a value of the map; what another CPU changes meanwhile is looked at once.
        unsafe {
            lock = (*waiting).lock;
            flags = (*waiting).flags;
        }
    }
    count_at(Counter::CircleTooLong, probe);
    0
}

/// Sends every task of a circle, each with what it waits for and who has that.
#[inline(always)]
fn tell(cell: *mut u64, task: u64, length: u32, probe: ProbeIndex) {
    let mut waiter = task;
    for index in 0..MAX_CIRCLE {
        if index >= length {
            return;
        }
        let Some(waiting) = WAITING.get_ptr_mut(waiter) else {
            return;
        };
        // SAFETY: as in `circle`.
        let owner = unsafe { owner(cell, (*waiting).lock, (*waiting).flags) };
        let sent = send::<Blocked>(Kind::BLOCKED, probe, |record| {
            // SAFETY: the ring gives a place for exactly this type.
            unsafe {
                (*record).waiter = waiter;
                (*record).lock = (*waiting).lock;
                (*record).flags = (*waiting).flags;
                (*record).owner = owner;
                (*record).since_ns = (*waiting).since_ns;
                (*record).index = index;
                (*record).of = length;
                (*record).ids = (*waiting).ids;
                (*record).comm = (*waiting).comm;
                (*record).stack_bytes = (*waiting).stack_bytes;
                (*record).stack = (*waiting).stack;
            }
        });
        if sent {
            // SAFETY: as in `circle`.
            unsafe { (*waiting).told = 1 };
        }
        waiter = owner & !contention::OWNER_FLAGS;
    }
}
