//! Modules: user space reads the kernel's symbols again when one is loaded.

use aya_ebpf::programs::FEntryContext;
use tracer_common::{
    probe::ProbeIndex,
    wire::{Counter, Header, Kind},
};

use crate::{count::count, situation::RING, task::fill_header};

/// A module's code is about to run for the first time.
#[inline(always)]
pub fn module(_context: &FEntryContext, probe: ProbeIndex) {
    let Some(mut entry) = RING.reserve::<Header>(0) else {
        count(Counter::RingFull);
        return;
    };
    // SAFETY: reserved for exactly this type.
    unsafe { fill_header(entry.as_mut_ptr(), Kind::MODULE, probe) };
    entry.submit(0);
    count(Counter::Sent);
}
