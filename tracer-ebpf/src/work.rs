//! Work items that run: each is held by its worker, and so is its queue, as lockdep has it (`process_one_work()` in kernel/workqueue.c).

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{DESC_LEN, info},
};

use crate::{
    call::Call,
    count::count_at,
    epoch::epoch,
    held::{Held, Taken},
    kernel::{read, read_string},
    setting::offset,
    task::current,
    tasks,
};

/// `PF_WQ_WORKER`, `include/linux/sched.h`: the task runs work items.
const WORKER_FLAG: u32 = 0x20;

/// `__WQ_ORDERED`, `include/linux/workqueue.h`: one item of the queue runs at a time.
const ORDERED: u32 = 1 << 17;

/// The bits of a work item's `data` that are no address, and the one that says that the rest is the pool which it is queued on
/// (`WORK_STRUCT_FLAG_MASK` and `WORK_STRUCT_PWQ`, the same file).
const FLAGS: u64 = 0xff;
const QUEUED: u64 = 4;

/// An item begins: `workqueue_execute_start(work)`.
#[inline(always)]
pub fn begin(context: &BtfTracePointContext, probe: ProbeIndex) {
    let work = context.argument(0);
    let Some(held) = tasks::traced(probe) else { return };
    leave(held);
    let queue = worker(current())
        .and_then(|worker| read(worker, offset!(worker_pool)))
        .and_then(queue_of)
        .unwrap_or(0);
    let depth = context.depth();
    let function = function(work);
    let taken = |path| Taken { chain: 0, path, depth };
    let mode = if is_ordered(queue) { 0 } else { info::SHARED };
    let fits = (queue == 0 || held.push(queue, 0, info::QUEUE | mode, epoch(), taken(0)))
        && held.push(work, function, info::WORK, epoch(), taken(function));
    if !fits {
        count_at(Counter::HeldOverflow, probe);
    }
    held.work = [work, queue];
    for recent in &mut held.recent {
        recent.lock = 0;
    }
}

/// It has run: `workqueue_execute_end(work, function)`.
#[inline(always)]
pub fn end(_context: &BtfTracePointContext, _probe: ProbeIndex) {
    if let Some(held) = tasks::known() {
        // SAFETY: as in `begin`.
        leave(unsafe { &mut *held });
    }
}

/// The worker runs no item any more.
#[inline(always)]
fn leave(held: &mut Held) {
    let [work, queue] = held.work;
    if work == 0 {
        return;
    }
    held.work = [0; 2];
    if let Some(place) = held.find(work) {
        held.remove(place);
    }
    if queue != 0
        && let Some(place) = held.find(queue)
    {
        held.remove(place);
    }
}

/// Tells which work item a task runs: its function, and the queue's name in `desc`; 0 when it runs none.
///
/// # Safety
/// `desc` is valid for writes.
#[inline(always)]
pub unsafe fn of(task: u64, desc: *mut [u8; DESC_LEN]) -> u64 {
    // SAFETY: the caller's.
    unsafe { (*desc)[0] = 0 };
    match read::<u32>(task, offset!(task_flags)) {
        Some(flags) if flags & WORKER_FLAG != 0 => {}
        _ => return 0,
    }
    let Some(worker) = worker(task) else { return 0 };
    let function = read::<u64>(worker, offset!(worker_function)).unwrap_or(0);
    if function != 0 && offset!(worker_desc) >= 0 {
        read_string(worker.wrapping_add(offset!(worker_desc) as u64), desc);
    }
    function
}

/// The `struct worker` of a task that runs work items: `kthread_data()` (`kernel/workqueue.c`).
#[inline(always)]
fn worker(task: u64) -> Option<u64> {
    read::<u64>(task, offset!(task_kthread)).and_then(|kthread| read(kthread, offset!(kthread_data)))
}

/// The queue of a pool.
#[inline(always)]
fn queue_of(pool: u64) -> Option<u64> {
    read(pool, offset!(pool_queue))
}

/// What an item does.
#[inline(always)]
pub fn function(work: u64) -> u64 {
    read(work, offset!(work_function)).unwrap_or(0)
}

/// The queue on which an item waits for its turn behind all others, if it does: it runs when those have run.
#[inline(always)]
pub fn ordered_queue(work: u64) -> Option<u64> {
    let data: u64 = read(work, offset!(work_data))?;
    if data & QUEUED == 0 {
        return None;
    }
    queue_of(data & !FLAGS).filter(|&queue| is_ordered(queue))
}

#[inline(always)]
fn is_ordered(queue: u64) -> bool {
    read::<u32>(queue, offset!(queue_flags)).is_some_and(|flags| flags & ORDERED != 0)
}
