//! Records of the ring.

use core::mem::{offset_of, size_of};

use bytemuck::{Pod, Zeroable};

mod blocked;
mod chain;
pub mod contention;
mod duration;
pub mod info;
mod object;
mod situation;
mod wait;

pub use blocked::*;
pub use chain::*;
pub use duration::*;
pub use object::*;
pub use situation::*;
pub use wait::*;

/// Locks that a task can hold at once; a deeper one is counted as [`HeldOverflow`](crate::counter::Counter::HeldOverflow).
pub const MAX_HELD: usize = 63;
/// Frames of a stack; deeper ones lose their outermost. The kernel's own limit (`PERF_MAX_STACK_DEPTH` in `include/uapi/linux/perf_event.h`).
pub const STACK_DEPTH: usize = 127;
/// Bytes of a task's name, as in the kernel (`TASK_COMM_LEN`).
pub const COMM_LEN: usize = 16;
/// Bytes of a worker's description, as in the kernel (`WORKER_DESC_LEN`).
pub const DESC_LEN: usize = 32;
/// Bytes kept of a bus name.
pub const BUS_LEN: usize = 32;
/// Bytes kept of a device name.
pub const DEVICE_LEN: usize = 64;

/// Bytes kept of the name that a lock was initialised with.
pub const LOCK_NAME_LEN: usize = 64;
/// Bytes kept of the name of a netlink family or of a file, and of the directory that it is in.
pub const ORIGIN_LEN: usize = 32;
/// Bytes of a network device's name, as in the kernel (`IFNAMSIZ`).
pub const NETDEV_LEN: usize = 16;
/// Bytes of a module's name, as in the kernel (`MODULE_NAME_LEN` on 64 bits).
pub const MODULE_LEN: usize = 56;

/// Frames of the stack of a task that waits.
pub const BLOCKED_DEPTH: usize = 48;

/// Words of a lock that are kept to prove a hold, from the first word on that tells who has it.
pub const PROOF_WORDS: usize = 2;

/// What a record is.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u32);

impl Kind {
    /// [`Chain`]: a chain never seen before.
    pub const CHAIN: Self = Self(1);
    /// [`Again`]: another task on a known chain.
    pub const AGAIN: Self = Self(2);
    /// [`WindowBegin`]: a devlink reload begins.
    pub const WINDOW_BEGIN: Self = Self(3);
    /// [`WindowEnd`]: it ends.
    pub const WINDOW_END: Self = Self(4);
    /// [`Notifier`]: a notifier is registered or unregistered.
    pub const NOTIFIER: Self = Self(5);
    /// [`Devlink`]: a devlink instance and what it is called.
    pub const DEVLINK: Self = Self(6);
    /// [`DevlinkFree`]: it is gone.
    pub const DEVLINK_FREE: Self = Self(7);
    /// [`Module`]: a module is about to run; its symbols can be read.
    pub const MODULE: Self = Self(8);
    /// [`Module`]: a module goes, and its locks and symbols with it.
    pub const MODULE_FREE: Self = Self(9);
    /// [`LockInit`]: a lock that was seen before is initialised: its memory is another lock from here on.
    pub const LOCK_INIT: Self = Self(10);
    /// [`InitName`]: the name behind a number in [`Slot::name`].
    pub const INIT_NAME: Self = Self(11);
    /// [`Blocked`]: a task that waits.
    pub const BLOCKED: Self = Self(12);
    /// [`Unblocked`]: it waits no longer.
    pub const UNBLOCKED: Self = Self(13);
    /// [`Stalled`]: a task that holds locks and does not get on.
    pub const STALLED: Self = Self(14);
    /// [`Moved`]: one of them gets on.
    pub const MOVED: Self = Self(15);
    /// [`Wake`]: something that a task waits for while it holds locks is done.
    pub const WAKE: Self = Self(16);
    /// [`Holder`]: a task that has a lock which another waits for.
    pub const HOLDER: Self = Self(17);
    /// [`Contended`]: a lock was waited for at a place where it never was before.
    pub const CONTENDED: Self = Self(18);
    /// [`HeldFor`]: how long a lock was held that is another from here on.
    pub const HELD_FOR: Self = Self(19);
}

/// Begins every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Header {
    /// A [`Kind`].
    pub kind: u32,
    /// Index into the table of probes.
    pub probe: u32,
    /// `CLOCK_MONOTONIC` in ns.
    pub time_ns: u64,
    /// Address of the `task_struct`: the task's identity while it lives.
    pub task: u64,
    /// Thread id.
    pub pid: u32,
    /// Process id.
    pub tgid: u32,
    /// Name.
    pub comm: [u8; COMM_LEN],
}

macro_rules! layout {
    ($($record:ident: $($field:ident)+;)+) => {
        /// A number that changes with the name, place or size of any field: object and user space compare it before they talk.
        pub const LAYOUT: u64 = {
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            $(
                assert!(size_of::<$record>() % 8 == 0);
                hash = mix(hash, stringify!($record), size_of::<$record>());
                $(hash = mix(hash, stringify!($field), offset_of!($record, $field));)+
            )+
            hash
        };
    };
}

/// FNV-1a over a name and a number.
const fn mix(mut hash: u64, name: &str, number: usize) -> u64 {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x100_0000_01b3);
        index += 1;
    }
    (hash ^ number as u64).wrapping_mul(0x100_0000_01b3)
}

// The records of format 1.0. One that came later is not among them, so that what was recorded before can still be read; should it ever change, it
// gets another kind.
layout! {
    Header: kind probe time_ns task pid tgid comm;
    Origin: probe number name parent;
    Syscall: number second;
    Proof: words;
    Slot: lock chain info generation name proof;
    Situation: window work desc origin syscall held stack_bytes;
    Chain: header key lock info generation name device situation;
    Again: header key;
    Devlink: header devlink device bus name;
    DevlinkFree: header devlink;
    WindowBegin: header window devlink netns_from netns_to action limit work desc;
    WindowEnd: header window result;
    Notifier: header callback chain netns netdev situation;
    Module: header name;
    LockInit: header lock held generation;
    InitName: header address version name;
    Blocked: header waiter lock flags owner since_ns index of ids comm stack_bytes stack;
    Unblocked: header waiter lock;
    ChainCount: count task told;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets_are_those_of_the_object() {
        assert_eq!(size_of::<Header>(), 48);
        assert_eq!(offset_of!(Chain, situation), 88 + 64);
        assert_eq!(size_of::<Slot>(), 40 + 16);
        assert_eq!(size_of::<Situation>(), 48 + 72 + 16 + 16);
        assert_eq!(size_of::<Chain>(), 88 + 64 + size_of::<Situation>());
        assert_eq!(size_of::<WindowBegin>(), 48 + 16 + 16 + 40);
    }

    #[test]
    fn the_layout_hash_sees_names_and_numbers() {
        assert_ne!(mix(1, "lock", 8), mix(1, "lock", 16));
        assert_ne!(mix(1, "lock", 8), mix(1, "held", 8));
    }
}
