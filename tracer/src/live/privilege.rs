//! Privilege: what attaching needs, and how little is left once the program is attached.

use std::{fs, io};

use caps::{CapSet, Capability, CapsHashSet};

use super::LiveError;

/// What loading and attaching need (`bpf_capable()` and `perfmon_capable()` in include/linux/capability.h); CAP_SYS_ADMIN stands for both.
const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// What is still needed after attaching.
const KEPT: &[Capability] = &[
    // To read the maps of counters and chains.
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    // To read the symbols of modules that are loaded later.
    Capability::CAP_SYSLOG,
    // To write reports into folders of the user who called sudo.
    Capability::CAP_DAC_OVERRIDE,
    // To end a command that has changed its user.
    Capability::CAP_KILL,
];

/// Checks that this is root, of the machine, with what makes root.
///
/// # Errors
/// What is missing of that.
pub(super) fn check() -> Result<(), LiveError> {
    // SAFETY: has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return Err(LiveError::Privilege);
    }
    if fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| !is_whole(&map)) {
        return Err(LiveError::UserNamespace);
    }
    let held = caps::read(None, CapSet::Effective).map_err(refused)?;
    match missing(&held) {
        None => Ok(()),
        Some(missing) => Err(LiveError::Capability { missing }),
    }
}

/// Whether the users of a namespace are all users, as in the initial one: `user_namespaces(7)`.
fn is_whole(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// What is needed and not held.
fn missing(held: &CapsHashSet) -> Option<String> {
    if held.contains(&Capability::CAP_SYS_ADMIN) {
        return None;
    }
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|capability| !held.contains(capability))
        .map(ToString::to_string)
        .collect();
    (!missing.is_empty()).then(|| missing.join(" and "))
}

/// Gives up every capability but those of `KEPT`. The command that is traced is not touched by it: a program that root executes
/// gets root's capabilities again (`capabilities(7)`), and it must run as it would without a tracer.
///
/// # Errors
/// When the kernel refuses.
pub fn drop_privileges() -> Result<(), LiveError> {
    let held = caps::read(None, CapSet::Permitted).map_err(refused)?;
    let kept: CapsHashSet = KEPT
        .iter()
        .copied()
        .filter(|capability| held.contains(capability))
        .collect();
    caps::set(None, CapSet::Effective, &kept).map_err(refused)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(refused)
}

fn refused(error: caps::errors::CapsError) -> LiveError {
    LiveError::System {
        what: "reading or giving up capabilities",
        source: io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_namespace_has_some_users() {
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!is_whole("         0       1000          1\n"));
        assert!(!is_whole("0 100000 65536\n65536 0 1\n"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |held: &[Capability]| missing(&held.iter().copied().collect());
        assert_eq!(missing(&[Capability::CAP_SYS_ADMIN]), None);
        assert_eq!(missing(&NEEDED), None);
        assert_eq!(missing(&[Capability::CAP_BPF]).as_deref(), Some("CAP_PERFMON"));
        assert_eq!(missing(&[]).as_deref(), Some("CAP_BPF and CAP_PERFMON"));
    }
}
