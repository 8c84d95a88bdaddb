//! Programs that are hooked to many functions at once, in place of a program for each.
//!
//! A program for each function is the fastest to run, but not to start: each is verified, and for each hook the kernel goes through all places that could be hooked.
//! What is called seldom is hooked together where the kernel can do that and tells what it missed (`kprobe.session`, `bpf_kprobe_multi_link_attach()` in
//! kernel/trace/bpf_trace.c, 6.10+).

use crate::{
    probe::{Hook, PROBES, Probe},
    wire::info,
};

/// A program for many functions.
#[derive(Debug, PartialEq, Eq)]
pub struct Multi {
    /// Its name.
    pub program: &'static str,
    /// It is also told when they return.
    pub is_session: bool,
    /// What it does where a function begins: action of the rows of the table, and what these are about. One sort of rows for most programs, because the verifier follows both sides
    /// of whatever depends on it.
    rows: &'static [(&'static str, u64)],
}

/// All of them.
pub const MULTIS: &[Multi] = &[
    Multi::session("mutexes", &[("request", info::MUTEX)]),
    Multi::session("rwsems", &[("request", info::RWSEM | info::SHARED)]),
    Multi::session("semaphores", &[("request", info::SEMAPHORE)]),
    Multi::session("rt_mutexes", &[("request", info::RT_MUTEX)]),
    Multi::session("ww_mutexes", &[("request_ww", info::WW_MUTEX)]),
    Multi::session("completions", &[("wait", info::COMPLETION)]),
    Multi::session("works", &[("wait", info::WORK)]),
    Multi::session("flushes", &[("flush", info::WORK)]),
    Multi::session(
        "waits",
        &[
            ("wait", info::QUEUE),
            ("wait", info::THREAD),
            ("wait", info::SRCU),
            ("wait", info::KERNFS),
        ],
    ),
    Multi::session(
        "calls",
        &[("enter_file", info::KERNFS | info::SHARED), ("window_begin", 0)],
    ),
    Multi::entry(
        "percpu_rwsems",
        &[
            ("request", info::PERCPU_RWSEM),
            ("wait_read", info::PERCPU_RWSEM | info::SHARED),
            ("release", info::PERCPU_RWSEM),
        ],
    ),
    Multi::entry(
        "entries",
        &[
            ("notifier", 0),
            ("init", 0),
            ("devlink", 0),
            ("devlink_free", 0),
            ("genetlink", 0),
            ("rtnetlink", 0),
            ("write_file", 0),
            ("module", 0),
            ("module_free", 0),
            ("release", info::RT_MUTEX),
            ("downgrade", info::RWSEM),
            ("put_file", info::KERNFS | info::SHARED),
        ],
    ),
];

/// One of its functions.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Row of the probe where it begins.
    pub entry: usize,
    /// Row of the probe where it returns, if there is one.
    pub exit: Option<usize>,
}

impl Multi {
    const fn session(program: &'static str, rows: &'static [(&'static str, u64)]) -> Self {
        Self {
            program,
            is_session: true,
            rows,
        }
    }

    const fn entry(program: &'static str, rows: &'static [(&'static str, u64)]) -> Self {
        Self {
            program,
            is_session: false,
            rows,
        }
    }

    /// That of the function of a probe, if it has one.
    pub fn of(probe: &Probe) -> Option<&'static Self> {
        let that_begins = |row: &Probe| MULTIS.iter().find(|multi| multi.begins(row));
        match probe.hook {
            Hook::Entry => that_begins(probe),
            Hook::Exit => {
                let same = PROBES
                    .iter()
                    .filter(|row| row.hook == Hook::Entry && row.function == probe.function);
                same.filter_map(that_begins).find(|multi| multi.is_session)
            }
            Hook::Tracepoint | Hook::Iterator => None,
        }
    }

    /// The functions that it is hooked to, of any kernel.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let entries = (0..).zip(PROBES).filter(|(_, probe)| self.begins(probe));
        entries.map(|(entry, probe)| {
            let is_exit = |row: &Probe| row.hook == Hook::Exit && row.function == probe.function;
            Member {
                entry,
                exit: PROBES.iter().position(is_exit).filter(|_| self.is_session),
            }
        })
    }

    fn begins(&self, probe: &Probe) -> bool {
        probe.hook == Hook::Entry && self.rows.contains(&(probe.action, probe.info)) && !is_hot(probe)
    }
}

/// What the kernel calls all the time has a program of its own.
fn is_hot(probe: &Probe) -> bool {
    matches!(
        probe.function,
        "mutex_lock"
            | "mutex_lock_nested"
            | "_mutex_lock_nest_lock"
            | "down_read"
            | "down_read_nested"
            | "kernfs_put_active"
    )
}

impl Member {
    /// The probes of the function.
    pub fn probes(self) -> impl Iterator<Item = &'static Probe> {
        [Some(self.entry), self.exit]
            .into_iter()
            .flatten()
            .map(|row| &PROBES[row])
    }

    /// The word that the program gets with a call of it.
    pub fn cookie(self) -> u64 {
        self.entry as u64 | (self.exit.map_or(NONE, |exit| exit as u64)) << EXIT_SHIFT
    }
}

const EXIT_SHIFT: u32 = 16;
const NONE: u64 = 0xffff;

/// Number of the probe where the function begins.
#[inline(always)]
pub const fn entry(cookie: u64) -> u64 {
    cookie & NONE
}

/// Number of the probe where it returns; more than any where there is none.
#[inline(always)]
pub const fn exit(cookie: u64) -> u64 {
    cookie >> EXIT_SHIFT & NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multi(program: &str) -> &'static Multi {
        MULTIS.iter().find(|multi| multi.program == program).unwrap()
    }

    #[test]
    fn what_is_taken_all_the_time_has_a_program_of_its_own() {
        let has = |function| {
            multi("mutexes")
                .members()
                .any(|member| PROBES[member.entry].function == function)
        };
        assert!(has("mutex_lock_interruptible"));
        let is_alone = |probe: &Probe| Multi::of(probe).is_none();
        for function in [
            "mutex_lock",
            "mutex_unlock",
            "down_read",
            "up_read",
            "down_write",
            "complete",
        ] {
            let mut probes = PROBES.iter().filter(|probe| probe.function == function);
            assert!(probes.all(is_alone), "{function}");
        }
    }

    #[test]
    fn each_has_functions_and_a_name_that_the_kernel_keeps() {
        for multi in MULTIS {
            assert!(multi.members().count() > 1, "{}", multi.program);
            // `BPF_OBJ_NAME_LEN`, include/uapi/linux/bpf.h, with the zero at its end.
            assert!(multi.program.len() < 16, "{}", multi.program);
        }
    }

    #[test]
    fn a_cookie_tells_where_a_call_begins_and_where_it_returns() {
        for member in multi("completions").members() {
            let exit_of = exit(member.cookie()) as usize;
            assert_eq!(entry(member.cookie()) as usize, member.entry);
            assert_eq!(PROBES[exit_of].function, PROBES[member.entry].function);
            assert_eq!(PROBES[exit_of].hook, Hook::Exit);
        }
        let has_exit = |member: Member| (exit(member.cookie()) as usize) < PROBES.len();
        assert!(!multi("entries").members().any(has_exit));
    }

    #[test]
    fn a_probe_belongs_to_the_program_of_its_function() {
        let of = |program: &str| {
            let probe = PROBES.iter().find(|probe| probe.program == program).unwrap();
            Multi::of(probe).map(|multi| multi.program)
        };
        assert_eq!(of("down_interruptible_exit"), Some("semaphores"));
        assert_eq!(of("wait_for_completion_timeout_exit"), Some("completions"));
        assert_eq!(of("register_netdevice_notifier"), Some("entries"));
        assert_eq!(of("kernfs_fop_write_iter"), Some("entries"));
        assert_eq!(of("kernfs_fop_write_iter_exit"), Some("calls"));
        assert_eq!(of("down_read_killable_exit"), Some("rwsems"));
        assert_eq!(of("down_write_killable_exit"), None);
        assert_eq!(of("contended"), None);
    }

    #[test]
    fn no_function_is_in_two_of_them() {
        let all = || MULTIS.iter().flat_map(Multi::members).map(|member| member.entry);
        for entry in all() {
            assert_eq!(
                all().filter(|other| *other == entry).count(),
                1,
                "{}",
                PROBES[entry].program
            );
        }
    }
}
