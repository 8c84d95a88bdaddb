//! How the kernel is listened to.

use std::{fmt, str::FromStr};

use tracer_common::probe::{Probe, Purpose};

/// A way to see locks, the one that shows most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// eBPF programs at the entry and exit of functions: everything.
    Fentry,
    /// The tracepoints of lockdep, on a kernel that has it: mutexes and rwsems, as lockdep sees them.
    Lockdep,
    /// eBPF programs at breakpoints at the entry and exit of functions: what [`Fentry`](Self::Fentry) sees, slower.
    Kprobe,
    /// The tracepoints `contention_begin` and `contention_end` (5.19+): who waits for whom, by the owner words of the locks, and how long; no order of locks.
    Contention,
}

impl Backend {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Fentry, Self::Lockdep, Self::Kprobe, Self::Contention];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Lockdep => "lockdep",
            Self::Kprobe => "kprobe",
            Self::Contention => "contention",
        }
    }

    /// Whether it hooks all functions.
    pub fn hooks_functions(self) -> bool {
        matches!(self, Self::Fentry | Self::Kprobe)
    }

    /// Whether it has a use for a probe.
    pub fn uses(self, probe: &Probe) -> bool {
        match probe.purpose {
            Purpose::Task => true,
            Purpose::Contention => self == Self::Contention,
            Purpose::Lockdep => self == Self::Lockdep,
            // `lock_downgrade()` has no tracepoint.
            Purpose::Lock => self.hooks_functions() || self == Self::Lockdep && probe.action == "downgrade",
            _ => self != Self::Contention,
        }
    }

    /// Whether there is nothing to see without a probe; any other is a gap that is told.
    pub fn needs(self, probe: &Probe) -> bool {
        const FUNCTIONS: &[&str] = &[
            "mutex_lock",
            "mutex_lock_nested",
            "mutex_unlock",
            "down_read",
            "up_read",
            "down_write",
            "up_write",
        ];
        matches!(probe.purpose, Purpose::Task | Purpose::Contention | Purpose::Lockdep)
            || FUNCTIONS.contains(&probe.program)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|backend| backend.name() == text);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no backend `{text}`: there are auto, {}", names.join(", "))
        })
    }
}

/// The backend that is wanted, or none in particular.
pub type Wanted = Option<Backend>;

/// Reads what the user wants: `auto` is none in particular.
///
/// # Errors
/// When there is none of this name.
pub fn wanted(text: &str) -> Result<Wanted, String> {
    if text == "auto" {
        return Ok(None);
    }
    text.parse().map(Some)
}

#[cfg(test)]
mod tests {
    use tracer_common::probe::PROBES;

    use super::*;

    #[test]
    fn a_backend_is_wanted_by_its_name() {
        assert_eq!(wanted("auto"), Ok(None));
        assert_eq!(wanted("contention"), Ok(Some(Backend::Contention)));
        assert_eq!(
            wanted("magic"),
            Err("there is no backend `magic`: there are auto, fentry, lockdep, kprobe, contention".to_owned())
        );
    }

    #[test]
    fn every_probe_is_of_use_to_some_backend() {
        for probe in PROBES {
            assert!(
                Backend::ALL.into_iter().any(|backend| backend.uses(probe)),
                "{}",
                probe.program
            );
        }
        let of = |backend: Backend| PROBES.iter().filter(move |probe| backend.uses(probe)).count();
        assert_eq!(of(Backend::Contention), 5);
        assert_eq!(of(Backend::Fentry), PROBES.len() - 5);
        assert_eq!(of(Backend::Kprobe), of(Backend::Fentry));
        let locks = PROBES.iter().filter(|probe| probe.purpose == Purpose::Lock).count();
        assert_eq!(of(Backend::Lockdep), PROBES.len() - locks - 2);
    }
}
