//! Records on their way to user space.

use core::ffi::c_void;

use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_ringbuf_output, macros::map, maps::RingBuf};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Header, Kind},
};

use crate::{count::count_at, task::fill_header};

/// Records for user space.
#[map]
static RING: RingBuf = RingBuf::with_byte_size(16 << 20, 0);

/// Nobody is woken: the reader would preempt the task in this very program, and the runtime skips a program for all others on the CPU that long. It looks
/// by itself, often enough.
const FLAGS: u64 = BPF_RB_NO_WAKEUP as u64;

/// Sends a record that lies in memory, header and all. `false` when the ring is full, which is counted.
///
/// # Safety
/// `record` is valid for reads of `bytes`.
#[inline(always)]
pub unsafe fn output(record: *const c_void, bytes: u64, probe: ProbeIndex) -> bool {
    // SAFETY: the caller's.
    if unsafe { bpf_ringbuf_output((&raw const RING).cast_mut().cast(), record.cast_mut(), bytes, FLAGS) } != 0 {
        count_at(Counter::RingFull, probe);
        return false;
    }
    count_at(Counter::Sent, probe);
    true
}

/// Sends a record of `kind`, which begins with a [`Header`]: that is filled here, the rest by `fill`. `false` when the ring is full, which is counted.
#[inline(always)]
pub fn send<T: 'static>(kind: Kind, probe: ProbeIndex, fill: impl FnOnce(*mut T)) -> bool {
    const { assert!(size_of::<T>() >= size_of::<Header>()) };
    let Some(mut entry) = RING.reserve::<T>(0) else {
        count_at(Counter::RingFull, probe);
        return false;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: reserved for a `T`, which begins with a header.
    unsafe { fill_header(record.cast::<Header>(), kind, probe) };
    fill(record);
    entry.submit(FLAGS);
    count_at(Counter::Sent, probe);
    true
}
