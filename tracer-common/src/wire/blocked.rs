//! Who waits for whom, where functions cannot be hooked.

use bytemuck::{Pod, Zeroable};

use super::{BLOCKED_DEPTH, COMM_LEN, Header};

/// Tasks that there is room for while they wait.
pub const MAX_WAITING: u32 = 16_384;

/// A task that has waited for some time (backend `contention`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Blocked {
    /// Kind [`Kind::BLOCKED`](super::Kind::BLOCKED); its task is the one that was looked at. Up to format 1.2 only circles were told, and it was the one that closed it.
    pub header: Header,
    /// The `task_struct` of the one that waits.
    pub waiter: u64,
    /// For which lock.
    pub lock: u64,
    /// Bits of [`contention`](super::contention).
    pub flags: u64,
    /// That lock's owner word: who has it, with [`contention::OWNER_FLAGS`](super::contention::OWNER_FLAGS).
    pub owner: u64,
    /// Since when, `CLOCK_MONOTONIC` in ns.
    pub since_ns: u64,
    /// 0. Up to format 1.2 the place in the circle.
    pub index: u32,
    /// 1. Up to format 1.2 how many tasks were in the circle.
    pub of: u32,
    /// Process id above, thread id below.
    pub ids: u64,
    /// Name of the one that waits.
    pub comm: [u8; COMM_LEN],
    /// Bytes of `stack` that are filled, or a negative errno.
    pub stack_bytes: i64,
    /// Where it waits: return addresses, innermost first.
    pub stack: [u64; BLOCKED_DEPTH],
}

/// A task that was told as [`Blocked`] waits no longer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Unblocked {
    /// Kind [`Kind::UNBLOCKED`](super::Kind::UNBLOCKED).
    pub header: Header,
    /// The `task_struct` of the one that waited.
    pub waiter: u64,
    /// For which lock.
    pub lock: u64,
}

/// A task that has a lock which another waits for, and where it is (backend `contention`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Holder {
    /// Kind [`Kind::HOLDER`](super::Kind::HOLDER); its task is the one that has the lock.
    pub header: Header,
    /// Bytes of `stack` that are filled, or a negative errno.
    pub stack_bytes: i64,
    /// Where it is: return addresses, innermost first.
    pub stack: [u64; BLOCKED_DEPTH],
}
