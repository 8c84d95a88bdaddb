//! What a lock, or what else is waited for, is.

use tracer_common::wire::info;

use crate::analysis::event::LockKind;

/// What it is, and the word for it in a name.
pub(super) fn of(bits: u64) -> (LockKind, &'static str) {
    match bits & info::KIND {
        info::MUTEX => (LockKind::Mutex, "mutex"),
        info::RWSEM => (LockKind::Rwsem, "rwsem"),
        info::WW_MUTEX => (LockKind::WwMutex, "ww_mutex"),
        info::PERCPU_RWSEM => (LockKind::PercpuRwsem, "percpu_rwsem"),
        info::SEMAPHORE => (LockKind::Semaphore, "semaphore"),
        info::RT_MUTEX => (LockKind::RtMutex, "rt_mutex"),
        info::WORK => (LockKind::Work, "work"),
        info::QUEUE => (LockKind::Queue, "workqueue"),
        info::COMPLETION => (LockKind::Completion, "completion"),
        info::THREAD => (LockKind::Thread, "kthread"),
        info::SRCU => (LockKind::Srcu, "srcu"),
        info::KERNFS => (LockKind::Kernfs, "kn->active"),
        _ => (LockKind::Unknown, "lock"),
    }
}
