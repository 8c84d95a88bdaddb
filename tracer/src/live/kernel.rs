//! The running kernel: what it is, and whether it lets itself be traced.

use std::{fs, io, path::Path};

use super::{LiveError, privilege};
use crate::{analysis::snapshot::Kernel, names::symbol::Symbols};

/// The kernel's own type information.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";
const LOCKDOWN_PATH: &str = "/sys/kernel/security/lockdown";
const FTRACE_PATH: &str = "/proc/sys/kernel/ftrace_enabled";
const PREEMPTION_PATH: &str = "/sys/kernel/debug/sched/preempt";
const KALLSYMS_PATH: &str = "/proc/kallsyms";

/// What the running kernel is.
pub fn facts() -> Kernel {
    // No `uname(2)`: the files say the same and need no unsafe code.
    let read = |name: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok();
    let text = |name: &str| read(name).map(|text| text.trim().to_owned());
    Kernel {
        release: text("osrelease"),
        version: text("version"),
        machine: text("arch").or_else(|| Some(std::env::consts::ARCH.to_owned())),
        btf: Some(Path::new(BTF_PATH).exists()),
    }
}

/// Major and minor number of the release; `(0, 0)` when it has another form.
pub fn release() -> (u16, u16) {
    facts().release.as_deref().and_then(numbers).unwrap_or_default()
}

fn numbers(release: &str) -> Option<(u16, u16)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Checks what can be known before anything is loaded.
pub fn check() -> Result<(), LiveError> {
    privilege::check()?;
    if !Path::new(BTF_PATH).exists() {
        return Err(LiveError::NoBtf { path: BTF_PATH });
    }
    match lockdown() {
        Some(mode) if mode == "confidentiality" => Err(LiveError::Lockdown { mode }),
        _ => Ok(()),
    }
}

/// Checks whether functions can be hooked.
pub fn check_hooks() -> Result<(), LiveError> {
    // Attaching succeeds then, but no function is patched (`kernel/trace/ftrace.c`, `ftrace_startup_enable()`).
    if fs::read_to_string(FTRACE_PATH).is_ok_and(|text| text.trim() == "0") {
        return Err(LiveError::HooksOff);
    }
    Ok(())
}

/// The active lockdown mode: `none`, `integrity` or `confidentiality`; `None` where the kernel has no lockdown.
pub fn lockdown() -> Option<String> {
    active_mode(&fs::read_to_string(LOCKDOWN_PATH).ok()?, ['[', ']'])
}

/// The mode in brackets: `none [integrity] confidentiality`.
fn active_mode(text: &str, [open, close]: [char; 2]) -> Option<String> {
    let (_, rest) = text.split_once(open)?;
    let (mode, _) = rest.split_once(close)?;
    Some(mode.to_owned())
}

/// Whether the kernel may preempt a task in its own code, and so in a program. Where it does not tell, it may.
pub fn preempts() -> bool {
    let version = facts().version.unwrap_or_default();
    preempts_by(&version, fs::read_to_string(PREEMPTION_PATH).ok().as_deref())
}

/// By the version (`PREEMPT_DYNAMIC` or `PREEMPT` when it was built for it, scripts/mkcompile_h and init/version-timestamp.c), and the mode that is set,
/// in parentheses: `none (voluntary) full lazy` (`sched_dynamic_show()` in kernel/sched/debug.c).
fn preempts_by(version: &str, modes: Option<&str>) -> bool {
    let is_built_for_it = version.split_whitespace().any(|word| word.starts_with("PREEMPT"));
    let mode = modes.and_then(|modes| active_mode(modes, ['(', ')']));
    is_built_for_it && !matches!(mode.as_deref(), Some("none" | "voluntary"))
}

/// How many tasks there are, by `/proc/loadavg`; 0 when it does not tell.
pub fn tasks() -> u32 {
    tasks_by(&fs::read_to_string("/proc/loadavg").unwrap_or_default()).unwrap_or(0)
}

/// As in `0.20 0.18 0.12 1/80 11206`: those that run and, behind the slash, all (proc(5)).
fn tasks_by(loadavg: &str) -> Option<u32> {
    let (_, tasks) = loadavg.split_whitespace().nth(3)?.split_once('/')?;
    tasks.parse().ok()
}

/// The kernel's symbols now, modules included.
pub fn symbols() -> Result<Symbols, LiveError> {
    let text = fs::read_to_string(KALLSYMS_PATH).map_err(|source| LiveError::Read {
        path: KALLSYMS_PATH.to_owned(),
        source,
    })?;
    Ok(Symbols::parse(&text))
}

/// `CLOCK_MONOTONIC` in ns: the clock of the records.
pub fn monotonic_ns() -> Result<u64, LiveError> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) } != 0 {
        return Err(LiveError::System {
            what: "clock_gettime",
            source: io::Error::last_os_error(),
        });
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_what_is_behind_the_slash() {
        assert_eq!(tasks_by("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert_eq!(tasks_by(""), None);
    }

    #[test]
    fn a_release_begins_with_two_numbers() {
        assert_eq!(numbers("6.12.117+deb12-amd64"), Some((6, 12)));
        assert_eq!(numbers("7.2-rc1"), Some((7, 2)));
        assert_eq!(numbers("unknown"), None);
    }

    #[test]
    fn a_kernel_preempts_that_was_built_for_it_and_does_not_say_no() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1~deb12u1 (2026-10-30)";
        assert!(!preempts_by(dynamic, Some("none (voluntary) full\n")));
        assert!(!preempts_by(dynamic, Some("(none) voluntary full\n")));
        assert!(preempts_by(dynamic, Some("none voluntary full (lazy)\n")));
        assert!(preempts_by(dynamic, None));
        assert!(preempts_by("#1 SMP PREEMPT_RT", None));
        assert!(!preempts_by("#1 SMP Debian 5.10.223-1", None));
    }

    #[test]
    fn the_active_lockdown_mode_is_the_one_in_brackets() {
        assert_eq!(
            active_mode("none integrity [confidentiality]\n", ['[', ']']).as_deref(),
            Some("confidentiality")
        );
        assert_eq!(
            active_mode("[none] integrity confidentiality\n", ['[', ']']).as_deref(),
            Some("none")
        );
        assert_eq!(active_mode("none\n", ['[', ']']), None);
    }
}
