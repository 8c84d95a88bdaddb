//! Everything that a running kernel tells a trace, as data: what a live session feeds, and what a recording keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    analysis::{event::Durations, snapshot::CountedAt},
    decode::{Missed, Record, kernel::Answer},
    names::symbol::Symbol,
};

/// One thing that a trace is told. The same inputs in the same order make the same report.
#[derive(Debug)]
pub enum Input<'a> {
    /// A record of the ring.
    Record(Record<'a>),
    /// What the kernel answered while the record that comes next was decoded.
    Answers(Vec<Answer>),
    /// The kernel's symbols were read anew; its text ends there. A live session hands over the whole table: [`Trace::read_symbols`](super::Trace::read_symbols).
    Table(u64),
    /// Some of them: those that are asked for.
    Symbols(Vec<Symbol>),
    /// The releases that were missed so far were counted.
    Missed(Missed),
    /// What else was counted so far.
    Counted(Counted),
    /// How often chains were seen in all, by their keys.
    ChainCounts(Vec<(u64, u64)>),
    /// How many chains were not told because others stand for them, in all, by the keys of these. Those that were told before and are not in it stand as they were.
    Others(Vec<(u64, u64)>),
    /// How long locks were waited for in all, by the keys of the places. Those that are not in it stand as they were.
    Waited(Vec<(u64, Durations)>),
    /// How long locks were held in all, by their addresses, likewise.
    HeldFor(Vec<(u64, Durations)>),
    /// The trace ends, with the status of the command if that has ended.
    Ended(Option<i32>),
    /// So many inputs are not in the recording.
    Lost(u64),
}

/// What the program and the session counted up to one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// When, in ns since the start.
    pub duration_ns: u64,
    /// By the program.
    pub places: Vec<CountedAt>,
    /// Losses that are not the program's own, by their names in reports.
    pub lost: BTreeMap<String, u64>,
}
