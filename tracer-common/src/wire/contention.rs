//! The flags of the tracepoint `contention_begin` (`include/trace/events/lock.h`, 5.19+).

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
