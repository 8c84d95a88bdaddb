//! Registration of notifiers: rare, and what the founding case turns on, so every one is sent.

use tracer_common::{
    probe::ProbeIndex,
    wire::{Kind, Notifier},
};

use crate::{
    call::Call,
    devlink::netns,
    kernel::{read, read_string},
    setting::offset,
    situation::send_with_held,
    tasks::traced,
};

/// What argument 0 is, in front of the notifier's block: whose chain it is.
#[repr(u64)]
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

impl Scope {
    /// That of a number.
    #[cfg(feature = "newest")]
    #[inline(always)]
    pub fn of(number: u64) -> Self {
        const NETNS: u64 = Scope::Netns as u64;
        const NETDEV: u64 = Scope::Netdev as u64;
        const CHAIN: u64 = Scope::Chain as u64;
        match number {
            NETNS => Self::Netns,
            NETDEV => Self::Netdev,
            CHAIN => Self::Chain,
            _ => Self::None,
        }
    }
}

/// A notifier is registered or unregistered.
#[inline(always)]
pub fn notifier<C: Call>(context: &C, probe: ProbeIndex, scope: Scope) {
    let Some(held) = traced(probe) else { return };
    let block = context.argument(usize::from(scope != Scope::None));
    send_with_held::<Notifier>(Kind::NOTIFIER, probe, context, held, |record| {
        // SAFETY: there is room for exactly this type.
        unsafe {
            (*record).callback = read(block, offset!(notifier_call)).unwrap_or(0);
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
