//! Least privilege: once the program is attached, reading what it sends needs little.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

use super::LiveError;

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
        what: "giving up capabilities",
        source: io::Error::other(error),
    }
}
