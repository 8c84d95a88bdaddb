//! Registration of netdevice notifiers: rare, and what the founding case turns on, so every one is sent.

use aya_ebpf::{EbpfContext, programs::FEntryContext};
use tracer_common::{
    probe::ProbeIndex,
    wire::{Kind, Notifier},
};

use crate::{
    kernel::read,
    ring::send,
    setting::offset,
    situation::fill,
    task::{argument, current, held, is_own},
};

/// A notifier is registered or unregistered; its block is argument `index`.
#[inline(always)]
pub fn notifier(context: &FEntryContext, probe: ProbeIndex, index: usize) {
    if is_own() {
        return;
    }
    let Some(held) = held(current()) else { return };
    send::<Notifier>(Kind::NOTIFIER, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type; `held` is the task's own.
        unsafe {
            (*record).callback = read(argument(context, index), offset!(notifier_call)).unwrap_or(0);
            fill(&raw mut (*record).situation, context.as_ptr(), held);
        }
    });
}
