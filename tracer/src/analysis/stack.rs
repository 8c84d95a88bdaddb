//! Stacks, kept once each.

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::event::Frame;

/// A stack that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StackId(u32);

impl StackId {
    /// No stack: nobody has told.
    pub(crate) const NONE: Self = Self(u32::MAX);
}

/// All stacks, each once.
#[derive(Debug, Default)]
pub(crate) struct Stacks(IndexSet<Arc<[Frame]>, FxBuildHasher>);

impl Stacks {
    /// Keeps a stack.
    pub(crate) fn add(&mut self, frames: &Arc<[Frame]>) -> StackId {
        if frames.is_empty() {
            return StackId::NONE;
        }
        let (index, _) = self.0.insert_full(Arc::clone(frames));
        StackId(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its frames, innermost first.
    pub(crate) fn frames(&self, id: StackId) -> &[Frame] {
        self.0.get_index(id.0 as usize).map_or(&[], |frames| frames)
    }
}
