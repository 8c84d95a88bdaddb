//! The epoch in which a lock is taken: a number that user space raises when the BPF runtime has skipped the program of a release, so that it
//! can tell the holds that may be affected from those taken since.

use aya_ebpf::{macros::map, maps::Array};

/// The running number of the epoch, written by user space.
#[map]
static EPOCH: Array<u64> = Array::with_max_entries(1, 0);

/// The epoch now.
#[inline(always)]
pub fn epoch() -> u64 {
    let Some(epoch) = EPOCH.get_ptr(0) else { return 0 };
    // SAFETY: a valid cell; volatile, because user space changes it.
    unsafe { core::ptr::read_volatile(epoch) }
}
