//! Counters per CPU, read by user space.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tracer_common::wire::Counter;

#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::ALL.len() as u32, 0);

/// Adds one.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(cell) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: the map gives a valid, aligned cell. A task that is preempted here can lose one count, never memory.
        unsafe { *cell += 1 };
    }
}
