//! Where a task is and what it holds: the end of many records.

use bytemuck::{Pod, Zeroable};

use super::{DESC_LEN, ORIGIN_LEN, PROOF_WORDS};

/// Why a task is in the kernel, as the last hooked entry point saw it. It counts only while that function is in the stack.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Origin {
    /// Index into the table of probes, plus one; 0 when there is none.
    pub probe: u32,
    /// Type of an rtnetlink message, command of a generic netlink one.
    pub number: u32,
    /// Name of a generic netlink family, or of a file.
    pub name: [u8; ORIGIN_LEN],
    /// The directory that a file is in.
    pub parent: [u8; ORIGIN_LEN],
}

/// The system call that a task is in. All ones where that cannot be told: kernel threads, page faults.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Syscall {
    /// Its number.
    pub number: u64,
    /// Its second argument: the request of an `ioctl(2)`.
    pub second: u64,
}

/// Words of a held lock as they were when the record was sent: its own word of who has it is among them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Proof {
    /// Zero when the lock could not be read. Of a queue the beginning of its name.
    pub words: [u64; PROOF_WORDS],
}

/// A lock in a held stack. Free when `lock` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Slot {
    /// Address of the lock.
    pub lock: u64,
    /// Key of the chain by which it was taken.
    pub chain: u64,
    /// [`info`](super::info) bits, epoch and running number.
    pub info: u64,
    /// Which of the locks that were at this address one after the other; of a work item its function, of a thread or a kernfs node its id.
    pub generation: u64,
    /// What the lock's name goes by, 0 when it has none: see [`InitName`](super::InitName).
    pub name: u64,
    /// What the lock said of the hold.
    pub proof: Proof,
}

/// What a task holds and where it is: the end of the fixed part of a record. Behind it come `held` times a [`Slot`], in no order (see the running
/// number), and `stack_bytes` of return addresses, innermost first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Situation {
    /// The reload window that the task is in, or 0.
    pub window: u64,
    /// Function of the work item that the task runs, or 0.
    pub work: u64,
    /// The queue of that work item.
    pub desc: [u8; DESC_LEN],
    /// Why it is in the kernel.
    pub origin: Origin,
    /// By which system call it came.
    pub syscall: Syscall,
    /// Slots that follow; some may be free.
    pub held: u64,
    /// Bytes of return addresses that follow them, or a negative errno.
    pub stack_bytes: i64,
}
