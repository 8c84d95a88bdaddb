//! Work that the BPF runtime skips, done by a second program.
//!
//! While a task is preempted in a program, the runtime skips that program for all other tasks on the CPU (`__bpf_prog_enter_recur()` in kernel/bpf/trampoline.c), and a
//! kernel that preempts tasks everywhere does so many times a second. So a lock function has two programs there, hooked to the same place: the first says on which CPU it is
//! running, and the second, its stand-in, works when it finds that another task is in the first. What the two miss together is what is lost.
//!
//! Which of the two is called first makes no difference, and migration is off in both. Between them a task can be preempted, though: then the stand-in can find
//! another task in a first program that has done its work. So it asks for what that has left behind.

use core::ptr::{read_volatile, write_volatile};

use aya_ebpf::{Global, macros::map, maps::PerCpuArray};
use tracer_common::{
    counter::Counter,
    probe::{MAX_PROBES, ProbeIndex},
};

use crate::count::count_at;

/// Not 0 where stand-ins are hooked. A constant for the verifier: what is behind it costs nothing on other kernels.
#[unsafe(no_mangle)]
static STAND_INS: Global<u32> = Global::new(0);

/// For each probe: not 0 while a task is in its first program on this CPU.
#[map]
static RUNNING: PerCpuArray<u64> = PerCpuArray::with_max_entries(MAX_PROBES as u32, 0);

/// Does the work of the first program.
#[inline(always)]
pub fn first(probe: ProbeIndex, work: impl FnOnce()) {
    if STAND_INS.load() == 0 {
        return work();
    }
    // Every probe has a place; the verifier follows one path from here on.
    let Some(running) = RUNNING.get_ptr_mut(probe as u32) else {
        return;
    };
    // SAFETY: a value of the map, of this CPU; volatile, because another program reads it.
    unsafe { write_volatile(running, 1) };
    work();
    // SAFETY: as above.
    unsafe { write_volatile(running, 0) };
}

/// Does that work where the first program was skipped, unless it is done.
#[inline(always)]
pub fn second(probe: ProbeIndex, is_done: impl FnOnce() -> bool, work: impl FnOnce()) {
    // SAFETY: as above.
    let is_skipped = RUNNING
        .get_ptr_mut(probe as u32)
        .is_some_and(|running| unsafe { read_volatile(running) } != 0);
    if is_skipped && !is_done() {
        count_at(Counter::StoodIn, probe);
        work();
    }
}
