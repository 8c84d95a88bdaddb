//! How long locks are waited for and held.

use bytemuck::{Pod, Zeroable};

use super::{BLOCKED_DEPTH, Header};

/// A lock that was waited for at a place. How often and how long is in the map of the program.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Contended {
    /// Kind [`Kind::CONTENDED`](super::Kind::CONTENDED); its task is the first that waited.
    pub header: Header,
    /// Identity.
    pub key: u64,
    /// Address of the lock.
    pub lock: u64,
    /// [`info`](super::info) bits of the request.
    pub info: u64,
    /// Which of the locks that were at this address one after the other.
    pub generation: u64,
    /// Key of the chain that tells where, or 0: then the stack does.
    pub chain: u64,
    /// Bytes of `stack` that are filled, or a negative errno.
    pub stack_bytes: i64,
    /// Where it was waited for: return addresses, innermost first.
    pub stack: [u64; BLOCKED_DEPTH],
}

/// How often something took how long.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Durations {
    /// How often.
    pub count: u64,
    /// In all, in ns.
    pub total_ns: u64,
    /// The longest, in ns.
    pub max_ns: u64,
}

impl Durations {
    /// One.
    pub const fn of(took_ns: u64) -> Self {
        Self {
            count: 1,
            total_ns: took_ns,
            max_ns: took_ns,
        }
    }
}

/// How long a lock was held in all: it is about to be initialised, and so to be another.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct HeldFor {
    /// Kind [`Kind::HELD_FOR`](super::Kind::HELD_FOR).
    pub header: Header,
    /// Address of the lock.
    pub lock: u64,
    /// How often and how long.
    pub durations: Durations,
}

/// How many of these there can be.
pub const MAX_DURATIONS: u32 = 1 << 16;
