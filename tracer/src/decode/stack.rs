//! Return addresses to the stack that a person sees: from the hooked function outwards, without the program and its trampolines.

use tracer_common::{
    probe::{Hook, PROBES, Purpose},
    wire::Header,
};

use super::{Decoder, frame, path, record::Tail};
use crate::{analysis::event::Frame, names::symbol::Symbols};

/// The call into a trampoline stands within these bytes of a function: `endbr64` and a five-byte call.
const ENTRY_BYTES: u64 = 16;

/// Frames of the kernel's own between a function that takes a lock and the tracepoint, and that function: `mutex_lock_nested()` calls `__mutex_lock()`.
const LOCK_FRAMES: usize = 4;

impl Decoder {
    /// Return addresses from the hooked function outwards, or from the caller of the function that a tracepoint is in; none when the stack could not be
    /// walked, which is counted.
    pub(super) fn addresses(&mut self, tail: &Tail, header: &Header, symbols: &Symbols) -> Vec<u64> {
        let Some(addresses) = &tail.stack else {
            *self.counters.entry("stacks_not_walked").or_default() += 1;
            return Vec::new();
        };
        let probe = PROBES.get(header.probe as usize);
        if probe.is_some_and(|probe| probe.hook == Hook::Iterator) {
            return self.without_trampolines(addresses, symbols);
        }
        if let Some(probe) = probe.filter(|probe| probe.hook == Hook::Tracepoint) {
            let first = lock_function(addresses, probe.function, symbols);
            return self.without_trampolines(&addresses[first.unwrap_or(0)..], symbols);
        }
        let entry = self.functions.get(header.probe as usize).copied().unwrap_or(0);
        match addresses.iter().position(|&address| is_entry(address, entry)) {
            Some(first) => self.without_trampolines(&addresses[first..], symbols),
            // From 6.19 on a function may jump into its trampoline instead of calling it: it is not in the stack then.
            None => {
                let function = (entry != 0).then_some(entry);
                let callers = self.without_trampolines(addresses, symbols);
                function.into_iter().chain(callers).collect()
            }
        }
    }

    /// Programs and trampolines have symbols, once these are read after the last hook. Where a function that is hooked at its exit has called on, its
    /// trampoline stands in the stack, and behind it the call into that trampoline.
    fn without_trampolines(&self, addresses: &[u64], symbols: &Symbols) -> Vec<u64> {
        let is_call = |address: &u64| self.is_call(*address);
        let mut kept = Vec::with_capacity(addresses.len());
        for (index, address) in addresses.iter().enumerate() {
            let trampoline = addresses.get(index + 1).is_some_and(is_call) || is_bpf(*address, symbols);
            let call = index > 0 && is_call(address);
            if !trampoline && !call {
                kept.push(*address);
            }
        }
        kept
    }

    /// Whether an address is that behind the call into the trampoline of any hooked function.
    fn is_call(&self, address: u64) -> bool {
        let after = self.entries.partition_point(|&entry| entry <= address);
        let nearest = after.checked_sub(1).and_then(|nearest| self.entries.get(nearest));
        nearest.is_some_and(|&entry| is_entry(address, entry))
    }

    /// Where a task waits for a lock, as the tracepoint of waits saw it: the return addresses from the lock function outwards; none when the stack could not be
    /// walked, which is counted.
    pub(super) fn waits_at(&mut self, stack: &[u64], bytes: i64, symbols: &Symbols) -> Vec<u64> {
        let Ok(bytes) = usize::try_from(bytes) else {
            *self.counters.entry("stacks_not_walked").or_default() += 1;
            return Vec::new();
        };
        let stack = stack.get(..bytes / size_of::<u64>()).unwrap_or(stack);
        let first = path::lock_function(&frames(stack, symbols), symbols);
        stack[first..].to_vec()
    }
}

/// Where the function that took a lock is in a stack from a tracepoint: that of the kernel's which is called from outside, a few frames above the one that
/// the tracepoint is in.
fn lock_function(addresses: &[u64], told_in: &str, symbols: &Symbols) -> Option<usize> {
    let function = |address: &u64| symbols.function(*address);
    let is_lock_function = |address: &u64| {
        let mut locks = PROBES.iter().filter(|probe| probe.purpose == Purpose::Lock);
        function(address).is_some_and(|name| locks.any(|probe| probe.function == name))
    };
    let told = addresses
        .iter()
        .position(|address| function(address) == Some(told_in))?
        + 1;
    let mut inner = addresses.iter().enumerate().skip(told).take(LOCK_FRAMES);
    let outermost = inner.rfind(|(_, address)| is_lock_function(address));
    Some(outermost.map_or(told, |(index, _)| index))
}

/// Return addresses as frames.
pub(super) fn frames(addresses: &[u64], symbols: &Symbols) -> Vec<Frame> {
    addresses
        .iter()
        .map(|&address| frame::frame(address, symbols))
        .collect()
}

/// Whether an address is in a program or a trampoline (`bpf_prog_ksym_set_name()` in kernel/bpf/core.c, `bpf_trampoline_ksym_add()` and its
/// like in kernel/bpf/trampoline.c).
fn is_bpf(address: u64, symbols: &Symbols) -> bool {
    let name = symbols.function(address);
    name.is_some_and(|name| name.starts_with("bpf_trampoline_") || name.starts_with("bpf_prog_"))
}

/// Whether an address is that behind the call into a trampoline, at the beginning of the function at `entry`.
fn is_entry(address: u64, entry: u64) -> bool {
    entry != 0 && address.wrapping_sub(entry) <= ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffffffff81000000 T bpf_trace_run7
ffffffff81000100 T lock_acquire
ffffffff81000200 t __mutex_lock
ffffffff81000300 T mutex_lock_nested
ffffffff81000400 T rtnl_lock
ffffffff81000500 T end_of_text
";

    #[test]
    fn a_stack_from_a_tracepoint_begins_with_the_function_that_took_the_lock() {
        let symbols = Symbols::parse(SYMBOLS);
        let stack = [0x10, 0x110, 0x210, 0x310, 0x410].map(|offset| 0xffff_ffff_8100_0000 + offset);
        assert_eq!(lock_function(&stack, "lock_acquire", &symbols), Some(3));
        let inlined = [0x10, 0x110, 0x410].map(|offset| 0xffff_ffff_8100_0000 + offset);
        assert_eq!(lock_function(&inlined, "lock_acquire", &symbols), Some(2));
        assert_eq!(lock_function(&stack[2..], "lock_acquire", &symbols), None);
    }
}
