//! Waits that are no locks: a task that holds locks and waits for a work item, a completion, a thread, the readers of SRCU or of a file of sysfs.
//!
//! What is held while something else runs (a work item, a reader) is in that task's held stack, and the rest follows: see `work.rs` and `kernfs.rs`. A completion is held by
//! nobody: see `wake.rs`.

use tracer_common::{
    probe::ProbeIndex,
    wire::{DEVICE_LEN, info},
};

use crate::{
    call::{Call, Entry, Returned},
    chain::{self, seen},
    generation,
    held::Wait,
    kernel::{peek, read, read_string},
    kernfs,
    setting::offset,
    task::{THREAD_SIZE, current, is_traced},
    tasks, wake, work,
};

/// Something is waited for: argument 0.
#[inline(always)]
pub fn wait<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    wait_for(context, probe, info, false);
}

/// A work item is waited for, and before it all that are queued in front of it on an ordered queue (`start_flush_work()` in kernel/workqueue.c).
#[inline(always)]
pub fn flush<C: Call>(context: &C, probe: ProbeIndex, info: u64) {
    wait_for(context, probe, info, true);
}

#[inline(always)]
fn wait_for<C: Call>(context: &C, probe: ProbeIndex, info: u64, is_flush: bool) {
    if !is_traced() {
        return;
    }
    let Some(held) = tasks::known() else { return };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    let object = context.first();
    let depth = context.depth();
    // A call within such a call, which comes first; unless the program of its return was skipped.
    if held.wait.object != 0 && held.wait.depth > depth {
        return;
    }
    let on_stack = if is_on_stack(object) { info::ON_STACK } else { 0 };
    // On it or not: the verifier follows one path from here on.
    let info = info | held.launder(on_stack) & info::ON_STACK;
    let generation = match info & info::KIND {
        info::WORK => work::function(object),
        info::THREAD => u64::from(read::<u32>(object, offset!(task_pid)).unwrap_or(0)),
        info::KERNFS => kernfs::id(object),
        _ => generation::taken(object),
    };
    let generation = held.launder(generation);
    // The end of the one before was not seen.
    over(&mut held.wait, true);
    held.wait = Wait {
        object,
        info,
        chain: 0,
        depth,
    };
    // Nothing can come of a file that nobody was seen to use, and there are many.
    if held.is_empty() && info & info::KIND == info::COMPLETION {
        wake::begin_free(object);
    }
    if held.is_empty() || info & info::KIND == info::KERNFS && !kernfs::was_used(object, generation) {
        return;
    }
    if info & info::KIND == info::COMPLETION {
        wake::begin(object);
    }
    let taken = if info & info::KIND == info::KERNFS {
        kernfs::drained(context, held, object, generation, probe, info)
    } else {
        seen(context, held, object, generation, probe, info)
    };
    held.wait.chain = taken.chain;
    if is_flush && let Some(queue) = work::ordered_queue(object) {
        seen(context, held, queue, 0, probe, info::QUEUE);
    }
}

/// What was waited for has come.
#[inline(always)]
pub fn waited<C: Call + Returned>(context: &C, _probe: ProbeIndex, _info: u64) {
    end(context, true);
}

/// It has come, unless the wait was given up: then it returns not 0.
#[inline(always)]
pub fn waited_unless<C: Call + Returned>(context: &C, probe: ProbeIndex, _info: u64) {
    end(context, context.result(probe) as i32 == 0);
}

/// It has come, unless the time was over or the wait was given up: then it returns 0 or less.
#[inline(always)]
pub fn waited_timed<C: Call + Returned>(context: &C, probe: ProbeIndex, _info: u64) {
    end(context, context.result(probe) as i64 > 0);
}

/// What the task waits for has come, or the wait was given up.
#[inline(always)]
fn end<C: Call + Returned>(context: &C, has_come: bool) {
    let Some(held) = tasks::known() else { return };
    // SAFETY: as in `wait_for`.
    let wait = unsafe { &mut (*held).wait };
    if wait.object == context.argument(0) {
        over(wait, has_come);
    }
}

/// A wait is over.
#[inline(always)]
fn over(wait: &mut Wait, has_come: bool) {
    let Wait {
        object, info, chain, ..
    } = *wait;
    wait.object = 0;
    if object != 0 && chain != 0 && info & info::KIND == info::COMPLETION {
        wake::end(object, has_come || info & info::ON_STACK != 0);
    }
}

/// What nobody waits for is held from here on: a reader.
#[inline(always)]
pub fn hold(context: &Entry, probe: ProbeIndex, info: u64) {
    chain::request(context, probe, info | info::TRYLOCK);
}

/// What the kernel calls an object: a queue and a thread have their name in them.
#[inline(always)]
pub fn object_name(object: u64, kind: u64, name: *mut [u8; DEVICE_LEN]) {
    let offset = match kind {
        info::QUEUE => offset!(queue_name),
        info::THREAD => offset!(task_comm),
        info::KERNFS => return read_string(kernfs::name(object), name),
        _ => return,
    };
    if offset >= 0 {
        read_string(object.wrapping_add(offset as u64), name);
    }
}

/// Whether an address is on the current task's stack; that of an interrupt is another.
#[inline(always)]
pub fn is_on_stack(address: u64) -> bool {
    peek(current(), offset!(task_stack)).is_some_and(|stack| address.wrapping_sub(stack) < THREAD_SIZE as u64)
}
