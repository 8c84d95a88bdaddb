//! Installs packages of this machine's own distribution, where they are missing.

use std::process::Command;

use anyhow::Result;

use crate::{apt, failure::unable, process, progress};

/// What the lab needs.
pub const LAB: [&str; 19] = [
    "bash",
    "binutils",
    "bpftool",
    "busybox-static",
    "coreutils",
    "cpio",
    "debian-archive-keyring",
    "findutils",
    "gzip",
    "iproute2",
    "jq",
    "kmod",
    "libc-bin",
    "qemu-system-x86",
    "tar",
    "tmux",
    "util-linux",
    "xz-utils",
    "zstd",
];

/// What the compiling of tracer itself needs.
pub const BUILD: [&str; 4] = ["ca-certificates", "curl", "gcc", "libc6-dev"];

/// Installs those of `packages` that are missing.
pub fn ensure(packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    progress::say("install", &missing.join(" "));
    apt_get().map_err(|error| unable(format!("cannot install {}: {error:#}", missing.join(" "))))?;
    // Lists that are old or were never fetched name packages that are no longer there, or lack the security suite's newer compiler.
    process::run(apt_get()?.args(["update", "-qq"]))
        .map_err(|error| unable(format!("apt cannot fetch its package lists: {error:#}")))?;
    let own = process::run(
        apt_get()?
            .args(["install", "-qq", "--no-remove", "--no-install-recommends"])
            .args(&missing),
    );
    // A machine with parts of QEMU from backports cannot have the rest from its own suite.
    let from_backports = |error: anyhow::Error| {
        if !process::is_root() {
            return Err(error);
        }
        progress::say("install", "the same from backports");
        apt::backports()
            .and_then(|apt| apt.install(&missing))
            .map_err(|_| error)
    };
    own.map(drop).or_else(from_backports).map_err(|error| {
        unable(format!(
            "apt cannot install {} from this machine's own suites: {error:#}",
            missing.join(" ")
        ))
    })?;
    Ok(())
}

fn installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package])
        .output();
    query.is_ok_and(|output| output.stdout.starts_with(b"installed"))
}

fn apt_get() -> Result<Command> {
    let mut command = process::as_root("env")?;
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-y"]);
    Ok(command)
}
