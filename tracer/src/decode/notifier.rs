//! Which chain a notifier goes on or off.

use tracer_common::{
    probe::{PROBES, Probe, Purpose},
    wire,
};

use super::{frame, record::text};
use crate::{analysis::event::Frame, names::symbol::Symbols};

/// Frames from the innermost one on in which a function that is hooked itself would call the general one.
const CALLERS: usize = 3;

/// The chain: by its symbol, else by the function and whose it is.
pub(super) fn chain(notifier: &wire::Notifier, function: &str, symbols: &Symbols) -> Option<String> {
    if let Some((symbol, _)) = symbols.data(notifier.chain) {
        return Some(symbol.to_owned());
    }
    let name = if function.contains("netdevice_notifier") {
        "netdev_chain"
    } else if function.contains("fib_notifier") {
        "fib_chain"
    } else if function.contains("nexthop_notifier") {
        "nexthop chain"
    } else {
        return None;
    };
    let netdev = text(&notifier.netdev);
    Some(if notifier.netns != 0 {
        format!("{name} of netns {}", notifier.netns)
    } else if !netdev.is_empty() {
        format!("{name} of netdev {netdev}")
    } else {
        name.to_owned()
    })
}

/// Whether a function that has told this already called the general one that tells it now.
pub(super) fn is_told(probe: &Probe, stack: &[Frame], symbols: &Symbols) -> bool {
    let is_specific = |name: &str| {
        PROBES
            .iter()
            .any(|other| other.purpose == Purpose::Notifier && other.function == name && !is_general(other))
    };
    is_general(probe)
        && stack
            .iter()
            .skip(1)
            .take(CALLERS)
            .filter_map(|caller| frame::function(caller, symbols))
            .any(is_specific)
}

fn is_general(probe: &Probe) -> bool {
    probe.function.contains("_notifier_chain_")
}
