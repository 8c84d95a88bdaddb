//! The kernel's own source, of the suite's package `linux-source-VERSION`: netdevsim, which Debian does not build, the selftests that use it, and the
//! script that decodes stacks.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Apt},
    cache,
    failure::unable,
    kernel::Kernel,
    process, progress,
};

const MEGABYTES: u64 = 500;
/// What is kept of the source.
const PARTS: [&str; 4] = [
    "drivers/net/netdevsim",
    "tools/testing/selftests/drivers/net/netdevsim",
    // The libraries of the former.
    "tools/testing/selftests/net",
    "scripts/decode_stacktrace.sh",
];

/// The directory with the source of netdevsim.
pub fn netdevsim(kernel: &Kernel) -> Result<PathBuf> {
    Ok(tree(kernel)?.join("drivers/net/netdevsim"))
}

/// The kernel's directory `tools/testing/selftests`, as far as it is kept.
pub fn selftests(kernel: &Kernel) -> Result<PathBuf> {
    Ok(tree(kernel)?.join("tools/testing/selftests"))
}

/// The kernel's directory `scripts`, as far as it is kept.
pub fn scripts(kernel: &Kernel) -> Result<PathBuf> {
    Ok(tree(kernel)?.join("scripts"))
}

fn tree(kernel: &Kernel) -> Result<PathBuf> {
    let mut parts = DefaultHasher::new();
    PARTS.hash(&mut parts);
    let name = format!("source/{}-{:016x}", kernel.resolved.key(), parts.finish());
    cache::entry(&name, |dir| fill(kernel, dir))
}

fn fill(kernel: &Kernel, dir: &Path) -> Result<()> {
    let resolved = &kernel.resolved;
    let series = series(&resolved.release).ok_or_else(|| {
        unable(format!(
            "the release {} does not start with a version",
            resolved.release
        ))
    })?;
    cache::require_space(&cache::dir()?, MEGABYTES, "the source of one kernel")?;
    progress::say("fetch", &format!("source of linux {}", resolved.release));
    let debs = cache::scratch("source")?;
    let package = format!("linux-source-{series}={}", resolved.version);
    Apt::open(&resolved.suite)?.download(&[package], debs.path())?;
    progress::say("unpack", &format!("source of linux {}", resolved.release));
    let unpacked = cache::scratch("source")?;
    apt::unpack(debs.path(), unpacked.path())?;
    let archives = unpacked.path().join("usr/src");
    let archive = fs::read_dir(&archives)
        .context("the source package has no /usr/src")?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains(".tar."));
    let Some(archive) = archive else {
        bail!("the package linux-source-{series} holds no archive");
    };
    let top = format!("linux-source-{series}");
    process::run(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .args(["--no-same-owner", "--strip-components=1", "-C"])
            .arg(dir)
            .args(PARTS.map(|part| format!("{top}/{part}"))),
    )?;
    Ok(())
}

/// The version in a release that names the package: `6.12` of `6.12.117+deb12-amd64`.
fn series(release: &str) -> Option<String> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    (!major.is_empty() && !minor.is_empty()).then(|| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_after_two_numbers() {
        assert_eq!(series("6.12.117+deb12-amd64").as_deref(), Some("6.12"));
        assert_eq!(series("5.10.0-32-amd64").as_deref(), Some("5.10"));
        assert_eq!(series("next-20261101"), None);
    }
}
