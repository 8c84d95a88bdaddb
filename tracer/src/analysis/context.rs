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
    /// Judge as lockdep does: a lock is its class, and whatever closes a circle of classes is an error.
    pub lockdep: bool,
    /// What to leave out, to ask what would be if it were gone.
    pub without: Vec<Without>,
}
