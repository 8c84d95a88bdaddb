//! What is known when a trace begins.

use tracer_common::offset::Offsets;

use crate::analysis::snapshot::{Capture, Kernel};

/// What is known when a trace begins, and does not change.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The kernel that is traced.
    pub kernel: Kernel,
    /// How it is listened to.
    pub capture: Capture,
    /// Where things are in its structures.
    pub offsets: Offsets,
    /// Address of each probe's function, in the order of the table; 0 when unknown.
    pub functions: Vec<u64>,
    /// `CLOCK_MONOTONIC` at the start.
    pub start_ns: u64,
    /// Only locks of these classes or names; all where there is none.
    pub only: Vec<String>,
    /// None of these.
    pub exclude: Vec<String>,
}
