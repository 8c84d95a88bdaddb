//! The epoch in which a lock is taken: a number that user space raises when the BPF runtime has skipped the program of a release, so that it
//! can tell the holds that may be affected from those taken since.

/// The running number of the epoch, written by user space: in a section of its own, which is a map of its own.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.epoch")]
static EPOCH: u64 = 0;

/// The epoch now.
#[inline(always)]
pub fn epoch() -> u64 {
    // SAFETY: a static; volatile, because user space changes it.
    unsafe { core::ptr::read_volatile(&raw const EPOCH) }
}
