//! Records of the ring.

use core::mem::{offset_of, size_of};

use bytemuck::{Pod, Zeroable};

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
    /// [`InitName`]: the name behind a number in [`Situation::names`].
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

/// Bits of [`Slot::info`] and [`Chain::info`]; a request has no epoch and no running number.
pub mod info {
    /// The bits that say what it is: one of those below.
    pub const KIND: u64 = 7 | NO_LOCK;
    /// No lock, but something that is waited for.
    pub const NO_LOCK: u64 = 32;
    /// A `struct work_struct`: held by the worker that runs it.
    pub const WORK: u64 = NO_LOCK | 1;
    /// A `struct workqueue_struct`: held by each worker that runs an item of it, shared where several run at once.
    pub const QUEUE: u64 = NO_LOCK | 2;
    /// A `struct completion`.
    pub const COMPLETION: u64 = NO_LOCK | 3;
    /// The end of a kernel thread, by the address of its `task_struct`.
    pub const THREAD: u64 = NO_LOCK | 4;
    /// A `struct srcu_struct`: held by its readers.
    pub const SRCU: u64 = NO_LOCK | 5;
    /// A `struct kernfs_node`: held by who reads or writes the file.
    pub const KERNFS: u64 = NO_LOCK | 6;
    /// A `struct mutex`.
    pub const MUTEX: u64 = 1;
    /// A `struct rw_semaphore`.
    pub const RWSEM: u64 = 2;
    /// A `struct ww_mutex` taken with an acquire context.
    pub const WW_MUTEX: u64 = 3;
    /// A `struct percpu_rw_semaphore`.
    pub const PERCPU_RWSEM: u64 = 4;
    /// A `struct semaphore`.
    pub const SEMAPHORE: u64 = 5;
    /// A `struct rt_mutex`.
    pub const RT_MUTEX: u64 = 6;
    /// Held or requested shared; exclusive without it.
    pub const SHARED: u64 = 8;
    /// Taken by a trylock.
    pub const TRYLOCK: u64 = 16;
    /// It lies on the stack of the task that waits for it, and is gone when that goes on.
    pub const ON_STACK: u64 = 64;
    /// The bits above.
    pub const MASK: u64 = 0xff;
    /// From this bit on: the epoch in which it was taken, see [`EPOCHS`].
    pub const EPOCH_SHIFT: u32 = 8;
    /// How many epochs there are. User space begins a new one when the BPF runtime has skipped the program of a release: what was taken before
    /// may have been given back since.
    pub const EPOCHS: u64 = 1 << 16;
    /// From this bit on: the task's running number of the acquisition.
    pub const SEQUENCE_SHIFT: u32 = 24;

    /// Whether a lock held with these bits names the task that has it. A worker names the work item that it runs.
    pub const fn is_named(info: u64) -> bool {
        match info & KIND {
            MUTEX | WW_MUTEX | RT_MUTEX | WORK | QUEUE => true,
            RWSEM => info & SHARED == 0,
            _ => false,
        }
    }

    /// The epoch in which a hold was taken.
    pub const fn epoch(info: u64) -> u64 {
        info >> EPOCH_SHIFT & (EPOCHS - 1)
    }
}

/// The flags of the tracepoint `contention_begin` (`include/trace/events/lock.h`, 5.19+).
pub mod contention {
    const SPIN: u64 = 1;
    const READ: u64 = 2;
    const WRITE: u64 = 4;
    const RT: u64 = 8;
    const PERCPU: u64 = 16;
    const MUTEX: u64 = 32;

    /// The low bits of an owner word that are no address.
    pub const OWNER_FLAGS: u64 = 7;
    /// `RWSEM_READER_OWNED` of an owner word: a reader took it last (`kernel/locking/rwsem.c`).
    pub const READER: u64 = 1;

    /// Whether this is a sleeping lock: a mutex tells that it spins before it sleeps.
    pub const fn sleeps(flags: u64) -> bool {
        flags & SPIN == 0 || flags & MUTEX != 0
    }

    /// Whether it is a mutex.
    pub const fn is_mutex(flags: u64) -> bool {
        flags & MUTEX != 0
    }

    /// Whether it is a rwsem.
    pub const fn is_rwsem(flags: u64) -> bool {
        flags & (READ | WRITE) != 0 && flags & (SPIN | RT | PERCPU | MUTEX) == 0
    }

    /// What it is, as bits of [`info`](super::info). Without a flag it is a semaphore (`kernel/locking/semaphore.c`).
    pub const fn info(flags: u64) -> u64 {
        let kind = if is_mutex(flags) {
            super::info::MUTEX
        } else if flags & PERCPU != 0 {
            super::info::PERCPU_RWSEM
        } else if flags & RT != 0 {
            super::info::RT_MUTEX
        } else if flags & (READ | WRITE) != 0 {
            super::info::RWSEM
        } else {
            super::info::SEMAPHORE
        };
        if is_shared(flags) {
            kind | super::info::SHARED
        } else {
            kind
        }
    }

    /// Whether it is waited for shared.
    pub const fn is_shared(flags: u64) -> bool {
        flags & READ != 0
    }
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
    /// [`info`] bits, epoch and running number.
    pub info: u64,
    /// Which of the locks that were at this address one after the other; of a work item its function, of a thread or a kernfs node its id.
    pub generation: u64,
    /// What the lock's name goes by, 0 when it has none: see [`InitName`].
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

/// A chain never seen before.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Chain {
    /// Kind [`Kind::CHAIN`].
    pub header: Header,
    /// Identity: equal keys are the same held locks, request and call path.
    pub key: u64,
    /// Address of the requested lock.
    pub lock: u64,
    /// [`info`] bits of the request.
    pub info: u64,
    /// Which of the locks that were at this address one after the other.
    pub generation: u64,
    /// What the lock's name goes by, 0 when it has none: see [`InitName`].
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
    /// Kind [`Kind::AGAIN`].
    pub header: Header,
    /// The chain.
    pub key: u64,
}

/// A devlink instance and what it is called.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Devlink {
    /// Kind [`Kind::DEVLINK`].
    pub header: Header,
    /// Address of the `struct devlink`.
    pub devlink: u64,
    /// Address of its `struct device`.
    pub device: u64,
    /// Name of the device's bus.
    pub bus: [u8; BUS_LEN],
    /// Name of the device.
    pub name: [u8; DEVICE_LEN],
}

/// A devlink instance is freed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct DevlinkFree {
    /// Kind [`Kind::DEVLINK_FREE`].
    pub header: Header,
    /// Address of the `struct devlink`.
    pub devlink: u64,
}

/// A devlink reload begins.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct WindowBegin {
    /// Kind [`Kind::WINDOW_BEGIN`].
    pub header: Header,
    /// Identity.
    pub window: u64,
    /// Address of the `struct devlink`.
    pub devlink: u64,
    /// Inode number of the network namespace that the instance is in, or 0.
    pub netns_from: u32,
    /// Of the one that it goes to, or 0 when it stays.
    pub netns_to: u32,
    /// `enum devlink_reload_action`
    pub action: u32,
    /// `enum devlink_reload_limit`
    pub limit: u32,
    /// Function of the work item that the task runs, or 0.
    pub work: u64,
    /// The queue of that work item.
    pub desc: [u8; DESC_LEN],
}

/// A devlink reload ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct WindowEnd {
    /// Kind [`Kind::WINDOW_END`].
    pub header: Header,
    /// Identity.
    pub window: u64,
    /// Return value: 0 or a negative errno.
    pub result: i64,
}

/// A notifier is registered or unregistered.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Notifier {
    /// Kind [`Kind::NOTIFIER`].
    pub header: Header,
    /// Address of the callback.
    pub callback: u64,
    /// Address of the chain's head, 0 where the function does not get it.
    pub chain: u64,
    /// Inode number of the network namespace that the chain belongs to, or 0.
    pub netns: u64,
    /// Name of the network device that it belongs to, or empty.
    pub netdev: [u8; NETDEV_LEN],
    /// Where, and what is held; see there for what follows.
    pub situation: Situation,
}

/// A module comes or goes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Module {
    /// Kind [`Kind::MODULE`] or [`Kind::MODULE_FREE`].
    pub header: Header,
    /// Its name.
    pub name: [u8; MODULE_LEN],
}

/// A lock that was seen before is initialised.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct LockInit {
    /// Kind [`Kind::LOCK_INIT`].
    pub header: Header,
    /// Its address.
    pub lock: u64,
    /// Not 0 when the task that does it holds the lock.
    pub held: u64,
    /// Which of the locks that were at this address begins, as in [`Slot::generation`].
    pub generation: u64,
}

/// A name that locks have: the one they were initialised with, or on a kernel with lockdep that of their class.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct InitName {
    /// Kind [`Kind::INIT_NAME`].
    pub header: Header,
    /// What it goes by: its address in the kernel, on a kernel with lockdep the key of the class.
    pub address: u64,
    /// Which of the classes of this name it is, from 1 on; 0 without lockdep, and before lockdep has numbered it.
    pub version: u64,
    /// The name: the text of the expression, `&devlink->lock`.
    pub name: [u8; LOCK_NAME_LEN],
}

/// A task that has waited for some time (backend `contention`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Blocked {
    /// Kind [`Kind::BLOCKED`]; its task is the one that was looked at. Up to format 1.2 only circles were told, and it was the one that closed it.
    pub header: Header,
    /// The `task_struct` of the one that waits.
    pub waiter: u64,
    /// For which lock.
    pub lock: u64,
    /// Bits of [`contention`].
    pub flags: u64,
    /// That lock's owner word: who has it, with [`contention::OWNER_FLAGS`].
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
    /// Kind [`Kind::UNBLOCKED`].
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
    /// Kind [`Kind::HOLDER`]; its task is the one that has the lock.
    pub header: Header,
    /// Bytes of `stack` that are filled, or a negative errno.
    pub stack_bytes: i64,
    /// Where it is: return addresses, innermost first.
    pub stack: [u64; BLOCKED_DEPTH],
}

/// A lock that was waited for at a place. How often and how long is in the map of the program.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Contended {
    /// Kind [`Kind::CONTENDED`]; its task is the first that waited.
    pub header: Header,
    /// Identity.
    pub key: u64,
    /// Address of the lock.
    pub lock: u64,
    /// [`info`] bits of the request.
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
    /// Kind [`Kind::HELD_FOR`].
    pub header: Header,
    /// Address of the lock.
    pub lock: u64,
    /// How often and how long.
    pub durations: Durations,
}

/// How many of these there can be.
pub const MAX_DURATIONS: u32 = 1 << 16;

/// A task that holds or requests locks and has slept at one place from one look at all tasks to the next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Stalled {
    /// Kind [`Kind::STALLED`]; its task is the one that stalls, its time that of the look.
    pub header: Header,
    /// When it was first found there, `CLOCK_MONOTONIC` in ns.
    pub since_ns: u64,
    /// What it waits for when that is no lock; else 0.
    pub object: u64,
    /// What that is, as bits of [`info`].
    pub info: u64,
    /// Key of the chain on which it is waited for.
    pub chain: u64,
    /// What the kernel calls it, as in [`Chain::device`].
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
    /// [`info`] bits of the request.
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
    /// Kind [`Kind::WAKE`].
    pub header: Header,
    /// What was waited for.
    pub object: u64,
    /// What that is, as bits of [`info`].
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
    /// Kind [`Kind::MOVED`].
    pub header: Header,
    /// Its `task_struct`.
    pub mover: u64,
    /// Its thread id.
    pub pid: u64,
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
    /// Its task.
    pub task: u64,
    /// Not 0: a chain of a second task was told.
    pub second: u64,
    /// How many chains were not told, because the first stands for them.
    pub others: u64,
}

/// How many chains are found without a search.
pub const PLACES: u32 = 1 << 13;

impl KnownChain {
    /// The place of a key.
    #[inline(always)]
    pub const fn place(key: u64) -> u32 {
        key as u32 & (PLACES - 1)
    }
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
