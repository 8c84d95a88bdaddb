//! Counters per CPU and per probe, read by user space.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tracer_common::{
    counter::{COUNTERS, Counter},
    probe::{MAX_PROBES, ProbeIndex},
};

/// One row of counters per probe, and a last one for what no probe is known of.
#[map]
static COUNTED: PerCpuArray<[u64; COUNTERS]> = PerCpuArray::with_max_entries(MAX_PROBES as u32 + 1, 0);

/// Adds one, wherever it happened.
#[inline(always)]
pub fn count(counter: Counter) {
    add(counter, MAX_PROBES as u32);
}

/// Adds one to what happened at a probe.
#[inline(always)]
pub fn count_at(counter: Counter, probe: ProbeIndex) {
    add(counter, probe as u32);
}

#[inline(always)]
fn add(counter: Counter, row: u32) {
    if let Some(cells) = COUNTED.get_ptr_mut(row) {
        // SAFETY: the map gives valid, aligned cells. A task that is preempted here can lose one count, never memory.
        unsafe { (*cells)[counter as usize] += 1 };
    }
}
