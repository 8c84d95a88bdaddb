//! Return addresses to the stack that a person sees: from the hooked function outwards, without the program and its trampolines.

use tracer_common::wire::{Blocked, Header};

use super::{Decoder, frame, record::Tail};
use crate::{analysis::event::Frame, names::symbol::Symbols};

/// The call into a trampoline stands within these bytes of a function: `endbr64` and a five-byte call.
const ENTRY_BYTES: u64 = 16;

impl Decoder {
    /// Return addresses from the hooked function outwards; none when the stack could not be walked, which is counted.
    pub(super) fn addresses(&mut self, tail: &Tail, header: &Header) -> Vec<u64> {
        let Some(addresses) = &tail.stack else {
            *self.counters.entry("stacks_not_walked").or_default() += 1;
            return Vec::new();
        };
        let first = self.functions.get(header.probe as usize).map_or(0, |&entry| {
            addresses
                .iter()
                .position(|&address| is_entry(address, entry))
                .unwrap_or(0)
        });
        self.without_trampolines(&addresses[first..])
    }

    /// Where a function that is hooked at its exit has called on, its trampoline stands in the stack, and behind it the call into that trampoline.
    fn without_trampolines(&self, addresses: &[u64]) -> Vec<u64> {
        let is_call = |address: &u64| self.functions.iter().any(|&entry| is_entry(*address, entry));
        let mut kept = Vec::with_capacity(addresses.len());
        for (index, address) in addresses.iter().enumerate() {
            let trampoline = addresses.get(index + 1).is_some_and(is_call);
            let call = index > 0 && is_call(address);
            if !trampoline && !call {
                kept.push(*address);
            }
        }
        kept
    }

    /// Where a task waits; nothing when its stack could not be walked, which is counted.
    pub(super) fn blocked_stack(&mut self, blocked: &Blocked, symbols: &Symbols) -> Vec<Frame> {
        let Ok(bytes) = usize::try_from(blocked.stack_bytes) else {
            *self.counters.entry("stacks_not_walked").or_default() += 1;
            return Vec::new();
        };
        let filled = blocked.stack.get(..bytes / size_of::<u64>());
        frames(filled.unwrap_or(&blocked.stack), symbols)
    }
}

/// Return addresses as frames.
pub(super) fn frames(addresses: &[u64], symbols: &Symbols) -> Vec<Frame> {
    addresses
        .iter()
        .map(|&address| frame::frame(address, symbols))
        .collect()
}

/// Whether an address is that behind the call into a trampoline, at the beginning of the function at `entry`.
fn is_entry(address: u64, entry: u64) -> bool {
    entry != 0 && address.wrapping_sub(entry) <= ENTRY_BYTES
}
