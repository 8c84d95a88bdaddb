//! Counters per CPU and per probe, read by user space.

use core::{arch::asm, mem::MaybeUninit};

use aya_ebpf::helpers::generated::bpf_get_smp_processor_id;
use tracer_common::{
    counter::{Cells, Counter},
    probe::{MAX_PROBES, ProbeIndex},
};

use crate::{atomic, setting::setting};

/// The counters of the first CPU: user space makes room for those of the others. Variables, because what a look-up in a map does not find would have to be thought of at each place.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.counted")]
static mut COUNTED: MaybeUninit<Cells> = MaybeUninit::zeroed();

/// Adds one, wherever it happened.
#[inline(always)]
pub fn count(counter: Counter) {
    add(counter.cell(MAX_PROBES));
}

/// Adds one to what happened at a probe.
#[inline(always)]
pub fn count_at(counter: Counter, probe: ProbeIndex) {
    add(counter.cell(probe as usize));
}

/// A function of its own: the kernel puts code of its own in place of the helper, and for each place it copies the program.
#[inline(never)]
fn add(cell: usize) {
    let first: *mut Cells;
    // SAFETY: changes only the register. An instruction, because the compiler knows of one CPU only.
    unsafe { asm!("{0} = {1} ll", out(reg) first, sym COUNTED, options(pure, nomem, nostack)) };
    // SAFETY: no arguments.
    let cpu = u64::from(unsafe { bpf_get_smp_processor_id() }) & setting!(last_cpu);
    let cells = first.wrapping_add(cpu as usize).cast::<u64>();
    // SAFETY: a cell, of which there are as many for each CPU.
    unsafe { atomic::add(cells.add(cell), 1) };
}
