//! Bits of [`Slot::info`](super::Slot::info) and [`Chain::info`](super::Chain::info); a request has no epoch and no running number.

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
