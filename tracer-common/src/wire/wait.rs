//! Tasks that do not get on, and what they wait for.

use bytemuck::{Pod, Zeroable};

use super::{DEVICE_LEN, Header, Situation};

/// A task that holds or requests locks and has slept at one place from one look at all tasks to the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Stalled {
    /// Kind [`Kind::STALLED`](super::Kind::STALLED); its task is the one that stalls, its time that of the look.
    pub header: Header,
    /// When it was first found there, `CLOCK_MONOTONIC` in ns.
    pub since_ns: u64,
    /// What it waits for when that is no lock; else 0.
    pub object: u64,
    /// What that is, as bits of [`info`](super::info).
    pub info: u64,
    /// Key of the chain on which it is waited for.
    pub chain: u64,
    /// What the kernel calls it, as in [`Chain::device`](super::Chain::device).
    pub name: [u8; DEVICE_LEN],
    /// What it holds, the lock that it waits for among it, and where it is; see there for what follows.
    pub situation: Situation,
}

/// A request that a task made lately.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Recent {
    /// Of which lock; 0 when there is none.
    pub lock: u64,
    /// On which chain.
    pub chain: u64,
    /// [`info`](super::info) bits of the request.
    pub info: u64,
    /// Which of the locks that were at this address one after the other.
    pub generation: u64,
    /// How many waits had begun by then.
    pub waits: u64,
}

/// How many requests of a task are remembered while somebody waits.
pub const RECENT: usize = 8;

/// Something that a task waits for while it holds locks is done, by a task that had to get locks before.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Wake {
    /// Kind [`Kind::WAKE`](super::Kind::WAKE).
    pub header: Header,
    /// What was waited for.
    pub object: u64,
    /// What that is, as bits of [`info`](super::info).
    pub info: u64,
    /// What was requested since the wait began, in no order; those with a lock of 0 are none.
    pub recent: [Recent; RECENT],
    /// What is held now, and where that is; see there for what follows.
    pub situation: Situation,
}

/// A task that was told as [`Stalled`] is at another place, or gone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Moved {
    /// Kind [`Kind::MOVED`](super::Kind::MOVED).
    pub header: Header,
    /// Its `task_struct`.
    pub mover: u64,
    /// Its thread id.
    pub pid: u64,
}
