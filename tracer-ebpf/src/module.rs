//! Modules: user space reads the kernel's symbols again when one is loaded.

use aya_ebpf::programs::FEntryContext;
use tracer_common::{
    probe::ProbeIndex,
    wire::{Header, Kind},
};

use crate::ring::send;

/// A module's code is about to run for the first time.
#[inline(always)]
pub fn module(_context: &FEntryContext, probe: ProbeIndex) {
    send::<Header>(Kind::MODULE, probe, |_| {});
}
