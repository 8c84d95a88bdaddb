//! Counters per CPU and per probe, read by user space.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tracer_common::{
    probe::{MAX_PROBES, ProbeIndex},
    wire::Counter,
};

/// One row of counters per probe, and a last one for what no probe is known of.
#[map]
static COUNTERS: PerCpuArray<u64> =
    PerCpuArray::with_max_entries(Counter::ALL.len() as u32 * (MAX_PROBES as u32 + 1), 0);

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
    if let Some(cell) = COUNTERS.get_ptr_mut(row * Counter::ALL.len() as u32 + counter as u32) {
        // SAFETY: the map gives a valid, aligned cell. A task that is preempted here can lose one count, never memory.
        unsafe { *cell += 1 };
    }
}
