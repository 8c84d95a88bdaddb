//! The limit of locked memory: kernels before 5.11 count the maps and programs of eBPF against it, and refuse what is beyond it with EPERM
//! (`bpf_charge_memlock()` in kernel/bpf/syscall.c, 5.10).

use super::{LiveError, kernel};

/// The first kernel that counts them against the cgroup instead.
const NOT_COUNTED_SINCE: (u16, u16) = (5, 11);

const LIFTED: libc::rlimit = libc::rlimit {
    rlim_cur: libc::RLIM_INFINITY,
    rlim_max: libc::RLIM_INFINITY,
};

/// The limit lifted, where it counts and that is granted. Dropping it puts it back: the traced command gets the limit that it would have without a tracer.
pub(super) struct Lifted {
    before: libc::rlimit,
    /// The kernel counts, and does not let the limit be lifted.
    is_refused: bool,
}

impl Lifted {
    pub(super) fn new() -> Self {
        let mut before = LIFTED;
        // SAFETY: `before` is valid for writes; on failure it stays what it is, no limit.
        unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut before) };
        let is_limited = before.rlim_cur != libc::RLIM_INFINITY && kernel::release() < NOT_COUNTED_SINCE;
        Self {
            before,
            is_refused: is_limited && !set(&LIFTED),
        }
    }

    /// Names the limit as what is behind an error, where it is.
    pub(super) fn explain(&self, error: LiveError) -> LiveError {
        match error {
            LiveError::Load { reason } | LiveError::NoHook { reason, .. }
                if self.is_refused && reason.contains("Operation not permitted") =>
            {
                LiveError::MemoryLimit {
                    kib: self.before.rlim_cur / 1024,
                    reason,
                }
            }
            other => other,
        }
    }
}

impl Drop for Lifted {
    fn drop(&mut self) {
        // Lowering a limit is always granted, and to be refused its raising changes nothing.
        set(&self.before);
    }
}

fn set(limit: &libc::rlimit) -> bool {
    // SAFETY: `limit` is valid for reads.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, limit) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_permitted_is_the_limits_doing() {
        let refused = |text: &str, is_refused| {
            let mut lifted = Lifted::new();
            lifted.is_refused = is_refused;
            let error = lifted.explain(LiveError::Load {
                reason: text.to_owned(),
            });
            matches!(error, LiveError::MemoryLimit { .. })
        };
        assert!(refused(
            "failed to create map: Operation not permitted (os error 1)",
            true
        ));
        assert!(!refused(
            "failed to create map: Operation not permitted (os error 1)",
            false
        ));
        assert!(!refused("Invalid argument (os error 22)", true));
    }
}
