//! Work that the BPF runtime skips, done by another program.
//!
//! While a task is preempted in a program, the runtime skips that program for all other tasks on the CPU (`__bpf_prog_enter_recur()` in kernel/bpf/trampoline.c), and a
//! kernel that preempts tasks everywhere does so many times a second. So a lock function has two programs there, hooked to the same place: the first leaves in the task's
//! held stack which call's work it did, and the second, its stand-in, works when it finds that it did not. Tasks are preempted in stand-ins, too: where a shared
//! hold ends, of which no word in the lock tells, there are two of them. What they all miss is what is lost.

use tracer_common::{counter::Counter, probe::ProbeIndex};

use crate::{
    call::Call,
    count::count_at,
    held::Held,
    setting::setting,
    slots::masked,
    task::THREAD_SIZE,
    tasks::{held, known},
};

/// Stacks that a task's calls can be on, more or less: its own, and those of the interrupts that come between a program and its stand-in.
pub const STACKS: usize = 8;

/// Does the work of the first program.
#[inline(always)]
pub fn first<C: Call>(context: &C, probe: ProbeIndex, work: impl FnOnce()) {
    work();
    if setting!(stand_ins) != 0 {
        done(context, probe);
    }
}

/// Does that work where the first program was skipped, and no other stand-in has done it.
#[inline(always)]
pub fn second<C: Call>(context: &C, probe: ProbeIndex, work: impl FnOnce()) {
    let is_done = known().is_some_and(|held| {
        // SAFETY: a value of the map of tasks, which only its own task changes.
        let (mark, call) = mark(context, unsafe { &mut *held }, probe);
        *mark == call
    });
    if !is_done {
        work();
        done(context, probe);
        count_at(Counter::StoodIn, probe);
    }
}

/// The work of this call is done: said of every task, also of one that is not traced, because its calls are skipped, too.
#[inline(always)]
fn done<C: Call>(context: &C, probe: ProbeIndex) {
    if let Some(held) = held(probe) {
        // SAFETY: as in `second`.
        let (mark, call) = mark(context, unsafe { &mut *held }, probe);
        *mark = call;
    }
}

/// Where the last call on this stack whose work was done is kept; and what tells this call from that one: between two of the same function with the same lock at the
/// same depth there is one of another function.
#[inline(always)]
fn mark<'a, C: Call>(context: &C, held: &'a mut Held, probe: ProbeIndex) -> (&'a mut u64, u64) {
    let depth = context.depth();
    let call = context.first().wrapping_add(depth.rotate_left(16)) ^ probe as u64;
    let stack = masked::<{ STACKS as u64 - 1 }>(depth / THREAD_SIZE as u64);
    // SAFETY: masked.
    (unsafe { held.done.get_unchecked_mut(stack as usize) }, call)
}
