//! How often the BPF runtime skipped a program because it was running already on that CPU.
//!
//! From 5.12 on, the kernel tells it in `/proc/self/fdinfo` (`kernel/bpf/syscall.c`, `bpf_prog_show_fdinfo()`); 5.10 does not skip.
//! Those of kprobes are counted from 6.7 on, and skipped before that too (`trace_call_bpf()` in kernel/trace/bpf_trace.c).

use std::{
    fs::File,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::fs::FileExt as _,
    },
    thread,
    time::{Duration, Instant},
};

use aya::{Ebpf, programs::Program};
use tracer_common::probe::{Probe, Purpose};

use super::{hooks::Hooks, multi};

/// What the kernel tells of programs, kept open.
#[derive(Debug, Default)]
pub(super) struct Misses {
    files: Vec<File>,
    hooks: Vec<OwnedFd>,
}

impl Misses {
    /// Of these programs, as far as they are loaded.
    pub(super) fn open<'a>(programs: impl IntoIterator<Item = &'a Program>) -> Self {
        let file = |program: &Program| told(program.fd().ok()?.as_fd());
        Self {
            files: programs.into_iter().filter_map(file).collect(),
            hooks: Vec::new(),
        }
    }

    /// And of a program that is hooked to many functions, with the calls that did not come to it.
    pub(super) fn and(mut self, hooked: &multi::Hooked) -> Self {
        self.files.extend(told(hooked.program.as_fd()));
        self.hooks.extend(hooked.link().try_clone_to_owned());
        self
    }

    /// How often all of them together were skipped so far.
    pub(super) fn count(&self) -> u64 {
        let mut text = [0; 1024];
        let mut count = |file: &File| {
            let length = file.read_at(&mut text, 0).ok()?;
            misses(text.get(..length)?)
        };
        let skipped: u64 = self.files.iter().filter_map(&mut count).sum();
        let missed = self.hooks.iter().filter_map(|hook| multi::missed(hook.as_fd()));
        skipped + missed.sum::<u64>()
    }
}

/// How often one program was skipped.
#[derive(Debug)]
pub(super) struct Skipped {
    /// What it is called.
    pub(super) program: &'static str,
    /// Whose it is, where stand-ins did its work.
    pub(super) stood_in: Option<&'static Probe>,
    misses: Misses,
    /// How often before all hooks were there.
    before: u64,
}

impl Skipped {
    /// Of all that is hooked, from now on. Lockdep's tracepoints are left out: what interrupts their programs are the runtime's `rcu_read_lock()` (`__bpf_trace_run()` in
    /// kernel/trace/bpf_trace.c, 6.12) and spinlocks, of which nothing is told.
    pub(super) fn of(hooks: &Hooks, ebpf: &Ebpf) -> Vec<Self> {
        let has_stand_ins = |probe: &Probe| hooks.stand_ins.iter().any(|(other, ..)| other.program == probe.program);
        let probes = hooks.attached.iter().map(|(probe, _)| *probe);
        let one = probes
            .filter(|probe| probe.purpose != Purpose::Lockdep)
            .filter_map(|probe| {
                let misses = Misses::open(Some(ebpf.program(probe.program)?));
                Some(Self::new(probe.program, has_stand_ins(probe).then_some(probe), misses))
            });
        let many = hooks.multis.iter();
        let many = many.map(|hooked| Self::new(hooked.multi.program, None, Misses::default().and(hooked)));
        one.chain(many).collect()
    }

    fn new(program: &'static str, stood_in: Option<&'static Probe>, misses: Misses) -> Self {
        Self {
            program,
            stood_in,
            before: misses.count(),
            misses,
        }
    }

    /// How often since then.
    pub(super) fn count(&self) -> u64 {
        self.misses.count().saturating_sub(self.before)
    }
}

fn told(program: BorrowedFd<'_>) -> Option<File> {
    File::open(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()
}

/// How long a start waits for that.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);

/// A task that was skipped in a program has long come to its stand-in by then.
const SETTLED_AFTER: Duration = Duration::from_millis(500);

/// A number of misses, and since when it has been the same as far as that was seen.
#[derive(Debug)]
pub(super) struct Settling {
    misses: u64,
    since: Instant,
}

impl Settling {
    pub(super) fn new() -> Self {
        Self {
            misses: 0,
            since: Instant::now(),
        }
    }

    /// Waits until none was counted for some time; whether that came.
    pub(super) fn settle(&mut self, misses: &Misses) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < SETTLES_WITHIN {
            if self.is_settled(misses.count()) {
                return true;
            }
            thread::sleep(SETTLED_AFTER / 10);
        }
        false
    }

    /// Whether none was counted for some time, with how many there are now.
    pub(super) fn is_settled(&mut self, misses: u64) -> bool {
        if misses != self.misses {
            *self = Self {
                misses,
                since: Instant::now(),
            };
        }
        self.since.elapsed() >= SETTLED_AFTER
    }
}

fn misses(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_settled_when_it_has_not_changed_for_a_while() {
        let mut settling = Settling::new();
        settling.since -= SETTLED_AFTER;
        assert!(settling.is_settled(0));
        assert!(!settling.is_settled(1), "it has just changed");
        settling.since -= SETTLED_AFTER;
        assert!(settling.is_settled(1));
    }

    #[test]
    fn the_kernel_tells_misses_from_5_12_on() {
        assert_eq!(misses(b"pos:\t0\nprog_type:\t26\nrecursion_misses:\t17\n"), Some(17));
        assert_eq!(misses(b"pos:\t0\nprog_type:\t26\n"), None);
    }
}
