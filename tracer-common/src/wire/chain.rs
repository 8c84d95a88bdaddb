//! Dependencies, as they are told and as they are counted.

use bytemuck::{Pod, Zeroable};

use super::{DEVICE_LEN, Header, Situation};

/// A chain never seen before.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Chain {
    /// Kind [`Kind::CHAIN`](super::Kind::CHAIN).
    pub header: Header,
    /// Identity: equal keys are the same held locks, request and call path.
    pub key: u64,
    /// Address of the requested lock.
    pub lock: u64,
    /// [`info`](super::info) bits of the request.
    pub info: u64,
    /// Which of the locks that were at this address one after the other.
    pub generation: u64,
    /// What the lock's name goes by, 0 when it has none: see [`InitName`](super::InitName).
    pub name: u64,
    /// If the lock is the `mutex` of a `struct device`: that device's name. What the kernel calls a queue, a thread or a kernfs node; empty otherwise.
    pub device: [u8; DEVICE_LEN],
    /// What was held, without the request; see there for what follows.
    pub situation: Situation,
}

/// A second task went along a known chain.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Again {
    /// Kind [`Kind::AGAIN`](super::Kind::AGAIN).
    pub header: Header,
    /// The chain.
    pub key: u64,
}

/// What user space finds in the map of chains.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct ChainCount {
    /// How often it was seen.
    pub count: u64,
    /// The first task on it.
    pub task: u64,
    /// Set once a second task was told.
    pub told: u64,
}

/// The same of a chain at another depth of the stack: what stands for it, and how often it was seen there.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct ShiftedCount {
    /// How often, and by which task first.
    pub count: ChainCount,
    /// The chain that was told.
    pub chain: u64,
}

/// A chain that is found without a search, by the place that its key has in the array of them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct KnownChain {
    /// Its key; 0 where the place is free.
    pub key: u64,
    /// The chain that was told: the same, or what stands for it.
    pub chain: u64,
    /// How often it was found here, and by which task first.
    pub count: ChainCount,
}

impl KnownChain {
    /// The place of a key.
    #[inline(always)]
    pub const fn place(key: u64) -> usize {
        key as usize & (PLACES - 1)
    }
}

/// How many chains are found without a search. Where system calls begin at random places of the stack a chain has 64 keys.
pub const PLACES: usize = 1 << 16;

/// How many call paths are known at once.
pub const MAX_PATHS: u32 = 1 << 15;

/// What user space finds in the map of call paths: see `tracer-ebpf/src/path.rs`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
pub struct ToldPath {
    /// How many chains of it were told.
    pub told: u64,
    /// The first of them.
    pub chain: u64,
    /// Not 0: a chain of a second task was told.
    pub second: u64,
    /// The task of the first.
    pub task: u64,
    /// How many chains were not told, because the first stands for them.
    pub others: u64,
}
