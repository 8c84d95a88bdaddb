//! What a snapshot needs to know besides the events.

use super::snapshot::{Capture, Kernel};
use super::without::Without;
use crate::names::symbol::Symbols;

/// How lock addresses are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// The source has none: a text trace names its locks.
    #[default]
    Absent,
    /// As `lock-1`: a report goes to public lists and must not reveal the kernel's layout.
    Pseudonym,
    /// As they are; only when the user asks with `--raw-addresses`.
    Raw,
}

/// What a cycle counts for that goes through classes and not through the same locks all around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Classes {
    /// It could happen to other objects of these classes: one step less severe than a cycle of locks.
    #[default]
    Milder,
    /// An error, as for lockdep, where it was lockdep that saw it.
    Severe,
    /// An error, and locks are not told apart at all: what lockdep would say.
    Alone,
}

/// What a snapshot needs to know besides the events: it is the source's knowledge, put into the document as it is.
#[derive(Debug, Default)]
pub struct Context {
    /// Names of code addresses.
    pub symbols: Symbols,
    /// Where it was seen.
    pub kernel: Kernel,
    /// How it was seen. What the model itself counts is added to `lost` and `counters`, and a loss makes `complete` false.
    pub capture: Capture,
    /// How lock addresses are shown.
    pub addresses: Addresses,
    /// What cycles of classes count for.
    pub classes: Classes,
    /// What to leave out, to ask what would be if it were gone.
    pub without: Vec<Without>,
}
