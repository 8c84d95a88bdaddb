//! Answers that were given before: the same addresses are in stack after stack.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use super::Entry;

/// More addresses than the stacks of a kernel have between two loads of modules.
const MAX_KNOWN: usize = 1 << 16;

/// The function that an address is in, and where it ends.
type Function = Option<(Entry, u64)>;

/// Functions by the addresses that were asked for.
#[derive(Debug, Default)]
pub(super) struct Known(RefCell<FxHashMap<u64, Function>>);

impl Known {
    pub(super) fn get(&self, address: u64) -> Option<Function> {
        self.0.borrow().get(&address).copied()
    }

    pub(super) fn put(&self, address: u64, function: Function) {
        let mut known = self.0.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(address, function);
    }
}
