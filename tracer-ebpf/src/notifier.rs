//! Registration of netdevice notifiers: rare, and what the founding case turns on, so every one is sent.

use aya_ebpf::{EbpfContext, programs::FEntryContext};
use tracer_common::{
    probe::ProbeIndex,
    wire::{Counter, Kind, Notifier},
};

use crate::{
    count::count,
    kernel::read,
    setting::offset,
    situation::{RING, fill},
    task::{argument, current, fill_header, held, is_own},
};

/// A notifier is registered or unregistered; its block is argument `index`.
#[inline(always)]
pub fn notifier(context: &FEntryContext, probe: ProbeIndex, index: usize) {
    if is_own() {
        return;
    }
    let Some(held) = held(current()) else { return };
    let Some(mut entry) = RING.reserve::<Notifier>(0) else {
        count(Counter::RingFull);
        return;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: reserved for exactly this type; `held` is the task's own.
    unsafe {
        fill_header(&raw mut (*record).header, Kind::NOTIFIER, probe);
        (*record).callback = read(argument(context, index), offset!(notifier_call)).unwrap_or(0);
        fill(&raw mut (*record).situation, context.as_ptr(), held);
    }
    entry.submit(0);
    count(Counter::Sent);
}
