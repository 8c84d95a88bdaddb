//! What tracer's eBPF program and its user space agree on: the wire records, the counters and the table of probes.
//!
//! Records hold integers only, have no implicit padding and are 8-byte aligned. A kind is a number that is checked when it is decoded.
#![no_std]

pub mod counter;
pub mod generation;
pub mod hash;
pub mod kfunc;
pub mod multi;
pub mod offset;
pub mod probe;
pub mod scope;
pub mod setting;
pub mod wire;
