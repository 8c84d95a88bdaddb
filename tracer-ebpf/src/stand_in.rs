//! Work that the BPF runtime skips, done by another program.
//!
//! While a task is preempted in a program, the runtime skips that program for all other tasks on the CPU (`__bpf_prog_enter_recur()` in kernel/bpf/trampoline.c), and a
//! kernel that preempts tasks everywhere does so many times a second. So a lock function has two programs there, hooked to the same place: the first says on which CPU it is
//! running, and the second, its stand-in, works when it finds that another task is in the first. Tasks are preempted in stand-ins, too: where a shared hold ends, of
//! which no word in the lock tells, there are two of them. What they all miss is what is lost.
//!
//! Between them a task can be preempted, and then find another one in the first program although that has done its own call's work: so it leaves in the task's
//! held stack for which call it did.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{Global, macros::map, maps::PerCpuArray};
use tracer_common::{
    counter::Counter,
    probe::{MAX_PROBES, ProbeIndex},
};

use crate::{
    call::Call,
    count::count_at,
    held::Held,
    tasks::{held, known},
};

/// Not 0 where stand-ins are hooked. A constant for the verifier: what is behind it costs nothing on other kernels.
#[unsafe(no_mangle)]
static STAND_INS: Global<u32> = Global::new(0);

/// For each probe: not 0 while a task is in its first program on this CPU.
#[map]
static RUNNING: PerCpuArray<u64> = PerCpuArray::with_max_entries(MAX_PROBES as u32, 0);

/// Does the work of the first program.
#[inline(always)]
pub fn first<C: Call>(context: &C, probe: ProbeIndex, work: impl FnOnce()) {
    if STAND_INS.load() == 0 {
        return work();
    }
    // Every probe has a place; the verifier follows one path from here on.
    let Some(running) = RUNNING.get_ptr_mut(probe as u32) else {
        return;
    };
    // SAFETY: a value of the map, of this CPU, because a program does not migrate; volatile, because another program reads it.
    unsafe { write_volatile(running, 1) };
    work();
    done(context, probe);
    // SAFETY: as above.
    unsafe { write_volatile(running, 0) };
}

/// Does that work where the first program was skipped, and no other stand-in has done it.
#[inline(always)]
pub fn second<C: Call>(context: &C, probe: ProbeIndex, work: impl FnOnce()) {
    // SAFETY: as above.
    let is_running = RUNNING
        .get_ptr_mut(probe as u32)
        .is_some_and(|running| unsafe { read_volatile(running) } != 0);
    if !is_running {
        return;
    }
    let is_done = known().is_some_and(|held| {
        // SAFETY: a value of the map of tasks, which only its own task changes.
        let held = unsafe { &mut *held };
        held.done == call(context, held, probe)
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
        let held = unsafe { &mut *held };
        held.done = call(context, held, probe);
    }
}

/// Tells a call from the one that the task did last: between two of the same function with the same lock at the same depth there is one of another function.
#[inline(always)]
fn call<C: Call>(context: &C, held: &mut Held, probe: ProbeIndex) -> u64 {
    let depth = held.launder(context.depth());
    context.first(held).wrapping_add(depth.rotate_left(16)) ^ probe as u64
}
