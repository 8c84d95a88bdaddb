//! Waits that are no locks: a task that holds locks and waits for a work item, a completion, a thread, the readers of SRCU or of a file of sysfs.
//!
//! What is held while something else runs (a work item, a reader) is in that task's held stack, and the rest follows. A completion is held by nobody: who completes it
//! had to get what it holds then, and what it requested since the wait began, as DEPT has it (`Documentation/dependency/` of its patches): so waits are
//! numbered, and requests are remembered with that number while there is a wait of a task that holds something. A work item had to get all that it requested.

use core::arch::asm;

use aya_ebpf::{
    bindings::BPF_ANY,
    macros::map,
    maps::{Array, LruHashMap},
};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{DEVICE_LEN, Kind, RECENT, Recent, Wake, info},
};

use crate::{
    call::{Call, Entry, Exit, hooked::result},
    chain::{self, seen},
    count::count_at,
    epoch::epoch,
    generation,
    held::{Held, Taken, Wait, mix},
    init::name_as,
    kernel::{peek, read, read_string},
    setting::offset,
    situation::send_with_held,
    slots::masked,
    task::{current, is_traced},
    tasks, work,
};

/// Completions that somebody waits for, or gave up, who held something, with the number of the wait. Those that were looked for least lately are forgotten.
#[map]
static WAITS: LruHashMap<u64, u64> = LruHashMap::with_max_entries(8192, 0);

/// How many waits began so far, and how many go on.
#[map]
static CLOCK: Array<[u64; 2]> = Array::with_max_entries(1, 0);

/// Nodes of kernfs that somebody used, with their numbers.
#[map]
static USED: LruHashMap<u64, u64> = LruHashMap::with_max_entries(8192, 0);

/// Wakes that were told.
#[map]
static TOLD_WAKES: LruHashMap<u64, u64> = LruHashMap::with_max_entries(8192, 0);

/// `THREAD_SIZE` on x86-64 without KASAN.
const THREAD_SIZE: u64 = 16 << 10;

/// Something is waited for: argument 0.
#[inline(always)]
pub fn wait(context: &Entry, probe: ProbeIndex, info: u64) {
    wait_for(context, probe, info, false);
}

/// A work item is waited for, and before it all that are queued in front of it on an ordered queue (`start_flush_work()` in kernel/workqueue.c).
#[inline(always)]
pub fn flush(context: &Entry, probe: ProbeIndex, info: u64) {
    wait_for(context, probe, info, true);
}

#[inline(always)]
fn wait_for(context: &Entry, probe: ProbeIndex, info: u64, is_flush: bool) {
    if !is_traced() {
        return;
    }
    let Some(held) = tasks::known() else { return };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    let object = context.first(held);
    let depth = context.depth();
    // A call within such a call, which comes first; unless the program of its return was skipped.
    if held.wait.object != 0 && held.wait.depth > depth {
        return;
    }
    let on_stack = if is_on_stack(object) { info::ON_STACK } else { 0 };
    let info = info | on_stack;
    let generation = match info & info::KIND {
        info::WORK => work::function(object),
        info::THREAD => u64::from(read::<u32>(object, offset!(task_pid)).unwrap_or(0)),
        info::KERNFS => node_id(object),
        _ => generation::taken(object),
    };
    let generation = held.launder(generation);
    held.wait = Wait {
        object,
        info,
        chain: 0,
        depth,
    };
    // Nobody was seen to use that file: nothing can come of it, and there are many.
    let is_unused =
        || info & info::KIND == info::KERNFS && USED.get_ptr(object).is_none_or(|id| unsafe { *id } != generation);
    if held.is_empty() || is_unused() {
        return;
    }
    if info & info::KIND == info::COMPLETION {
        begin(object);
    }
    let taken = if info & info::KIND == info::KERNFS {
        drained(context, held, object, generation, probe, info)
    } else {
        seen(context, held, object, generation, probe, info)
    };
    held.wait.chain = taken.chain;
    if is_flush && let Some(queue) = work::ordered_queue(object) {
        seen(context, held, queue, 0, probe, info::QUEUE);
    }
}

/// A kernfs node is drained: what is held of its tree is given back for the time of the wait (`kernfs_drain()` in fs/kernfs/dir.c): the rwsem of the nodes, held for writing (5.16+), and
/// that of the superblocks, held for reading (in 7.2).
#[inline(always)]
fn drained(context: &Entry, held: &mut Held, object: u64, generation: u64, probe: ProbeIndex, info: u64) -> Taken {
    let newest = held.top.wrapping_sub(1);
    let nodes = hide(held, newest, info::RWSEM, 0);
    let supers = if nodes == 0 {
        0
    } else {
        hide(held, newest.wrapping_sub(1), info::RWSEM | info::SHARED, nodes)
    };
    let taken = seen(context, held, object, generation, probe, info);
    if supers != 0 {
        held.show(newest.wrapping_sub(1), supers);
    }
    if nodes != 0 {
        held.show(newest, nodes);
    }
    taken
}

/// More than a `struct kernfs_root` has.
const ROOT_BYTES: u64 = 512;

/// Hides the lock in a slot if it is of this kind and mode, and in the same object as another one, where there is one; gives it, or 0.
#[inline(always)]
fn hide(held: &mut Held, place: u64, kind: u64, other: u64) -> u64 {
    let slot = held.slot(place);
    let lock = slot.lock;
    let is_it = slot.info & (info::KIND | info::SHARED) == kind
        && (other == 0 || lock.wrapping_sub(other).wrapping_add(ROOT_BYTES) < 2 * ROOT_BYTES);
    if lock == 0 || !is_it {
        return 0;
    }
    held.hide(place);
    lock
}

/// What was waited for has come.
#[inline(always)]
pub fn waited(context: &Exit, _probe: ProbeIndex, info: u64) {
    end(context, info, true);
}

/// It has come, unless the wait was given up: then it returns not 0.
#[inline(always)]
pub fn waited_unless(context: &Exit, probe: ProbeIndex, info: u64) {
    end(context, info, result(context, probe) as i32 == 0);
}

/// It has come, unless the time was over or the wait was given up: then it returns 0 or less.
#[inline(always)]
pub fn waited_timed(context: &Exit, probe: ProbeIndex, info: u64) {
    end(context, info, result(context, probe) as i64 > 0);
}

/// A wait is over. What has not come is still looked for: it needed to come while the wait went on, and could not perhaps because of that.
#[inline(always)]
fn end(context: &Exit, info: u64, has_come: bool) {
    let Some(held) = tasks::known() else { return };
    let object = context.argument(0);
    // SAFETY: as in `wait_for`.
    let wait = unsafe { &mut (*held).wait };
    if wait.object != object {
        return;
    }
    let (wait_info, chain) = (wait.info, wait.chain);
    wait.object = 0;
    if info & info::KIND != info::COMPLETION || chain == 0 {
        return;
    }
    add(1, u64::MAX);
    if has_come || wait_info & info::ON_STACK != 0 {
        let _ = WAITS.remove(object);
    }
}

/// What nobody waits for is held from here on: a reader.
#[inline(always)]
pub fn hold(context: &Entry, probe: ProbeIndex, info: u64) {
    chain::request(context, probe, info | info::TRYLOCK);
}

/// A file of sysfs is read or written: argument 0 is its `struct kiocb`.
#[inline(always)]
pub fn enter_file(context: &Entry, probe: ProbeIndex, _info: u64) {
    if !is_traced() {
        return;
    }
    let Some(held) = tasks::held(probe) else { return };
    // SAFETY: as in `wait_for`.
    let held = unsafe { &mut *held };
    put(held);
    let node = read(context.first(held), offset!(kiocb_file))
        .and_then(|file: u64| read(file, offset!(file_private)))
        .and_then(|seq: u64| read(seq, offset!(seq_private)))
        .and_then(|open: u64| read(open, offset!(open_node)))
        .unwrap_or(0);
    held.file = [node, 0];
}

/// It is in use from here on: `kernfs_get_active(node)` gives the node.
#[inline(always)]
pub fn use_file(context: &Exit, probe: ProbeIndex, info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `wait_for`.
    let held = unsafe { &mut *held };
    let node = context.argument(0);
    if held.file != [node, 0] || result(context, probe) == 0 {
        return;
    }
    let id = held.launder(node_id(node));
    let _ = USED.insert(node, id, u64::from(BPF_ANY));
    name_as(node, read(node, offset!(kernfs_name)).unwrap_or(0), probe);
    // Nobody waits for it.
    let info = info | info::TRYLOCK;
    let taken = seen(context, held, node, id, probe, info);
    if held.push(node, id, info, epoch(), taken) {
        held.file = [node; 2];
    } else {
        count_at(Counter::HeldOverflow, probe);
    }
}

/// It is not in use any more: argument 0 is the node.
#[inline(always)]
pub fn put_file(context: &Entry, _probe: ProbeIndex, _info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `wait_for`.
    let held = unsafe { &mut *held };
    let node = context.first(held);
    if held.file[1] == node {
        put(held);
    }
}

/// It was read or written.
#[inline(always)]
pub fn leave_file(_context: &Exit, _probe: ProbeIndex, _info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `wait_for`.
    let held = unsafe { &mut *held };
    put(held);
    held.file = [0; 2];
}

#[inline(always)]
fn put(held: &mut Held) {
    let [_, node] = held.file;
    if node == 0 {
        return;
    }
    held.file[1] = 0;
    if let Some(place) = held.find(node) {
        held.remove(place);
    }
}

/// Which of the nodes at an address it is.
#[inline(always)]
fn node_id(node: u64) -> u64 {
    read(node, offset!(kernfs_id)).unwrap_or(0)
}

/// A completion is completed.
#[inline(always)]
pub fn complete(context: &Entry, probe: ProbeIndex, info: u64) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `wait_for`.
    let held = unsafe { &mut *held };
    // What an interrupt does is no part of what the task does.
    let depth = held.launder(context.depth());
    if !is_on_stack(depth) {
        return;
    }
    let object = context.first(held);
    let Some(&since) = WAITS.get_ptr(object).map(|since| unsafe { &*since }) else {
        return;
    };
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
    let [waits, pending] = clock();
    if pending == 0 && held.work[0] == 0 {
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
        waits,
    };
}

const _: () = assert!(RECENT.is_power_of_two());

/// What the kernel calls an object.
#[inline(always)]
pub fn object_name(object: u64, kind: u64, name: *mut [u8; DEVICE_LEN]) {
    // A queue's name was a pointer's target in no kernel that has a wider one: it is an array in the structure.
    let at = match kind {
        info::QUEUE => object.wrapping_add(offset!(queue_name) as u64),
        info::THREAD => object.wrapping_add(offset!(task_comm) as u64),
        info::KERNFS => read(object, offset!(kernfs_name)).unwrap_or(0),
        _ => return,
    };
    read_string(at, name);
}

/// A task that holds something waits for a completion.
#[inline(always)]
fn begin(object: u64) {
    add(0, 1);
    let [waits, _] = clock();
    add(1, 1);
    let _ = WAITS.insert(object, waits, u64::from(BPF_ANY));
}

/// How many waits began, and how many go on.
#[inline(always)]
fn clock() -> [u64; 2] {
    let Some(clock) = CLOCK.get_ptr(0) else { return [0; 2] };
    // SAFETY: a valid cell; volatile, because other CPUs change it.
    unsafe { core::ptr::read_volatile(clock) }
}

/// Adds to one of the two numbers, whoever else does: the target has no atomic type, but this instruction on every kernel.
#[inline(always)]
fn add(which: usize, number: u64) {
    let Some(clock) = CLOCK.get_ptr_mut(0) else { return };
    // SAFETY: a valid, aligned number, and nothing else is written.
    unsafe {
        let cell = clock.cast::<u64>().add(which);
        asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) cell, in(reg) number, options(nostack));
    }
}

/// Whether an address is on the current task's stack; that of an interrupt is another.
#[inline(always)]
fn is_on_stack(address: u64) -> bool {
    peek(current(), offset!(task_stack)).is_some_and(|stack| address.wrapping_sub(stack) < THREAD_SIZE)
}
