//! Registration of notifiers: rare, and what the founding case turns on, so every one is sent.

use tracer_common::{
    probe::ProbeIndex,
    wire::{Kind, Notifier},
};

use crate::{
    call::{Call, Entry},
    devlink::netns,
    kernel::{read, read_string},
    setting::offset,
    situation::send_with_held,
    tasks::traced,
};

/// What argument 0 is, in front of the notifier's block: whose chain it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The block itself: the chain is the function's own.
    None,
    /// A network namespace.
    Netns,
    /// A network device.
    Netdev,
    /// The head of the chain.
    Chain,
}

/// A notifier is registered or unregistered; its block is argument `index`.
#[inline(always)]
pub fn notifier(context: &Entry, probe: ProbeIndex, index: usize, scope: Scope) {
    let Some(held) = traced(probe) else { return };
    send_with_held::<Notifier>(Kind::NOTIFIER, probe, context, held, |record| {
        // SAFETY: there is room for exactly this type.
        unsafe {
            (*record).callback = read(context.argument(index), offset!(notifier_call)).unwrap_or(0);
            let first = context.argument(0);
            (*record).chain = if scope == Scope::Chain { first } else { 0 };
            (*record).netns = if scope == Scope::Netns {
                u64::from(netns(first))
            } else {
                0
            };
            (*record).netdev[0] = 0;
            if scope == Scope::Netdev && offset!(netdev_name) >= 0 {
                read_string(
                    first.wrapping_add(offset!(netdev_name) as u64),
                    &raw mut (*record).netdev,
                );
            }
            &raw mut (*record).situation
        }
    });
}
