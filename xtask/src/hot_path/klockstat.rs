//! klockstat, of Debian's package libbpf-tools.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::{
    apt::{self, Apt},
    cache, progress,
};

/// It needs nothing but libelf, zlib and the C library, so that of an older suite runs on newer ones.
const SUITE: &str = "bookworm";
const PACKAGE: &str = "libbpf-tools";

/// The program, fetched when it is not in the cache.
pub fn program() -> Result<PathBuf> {
    let dir = cache::entry(&format!("klockstat/{SUITE}"), |dir| {
        progress::say("fetch", PACKAGE);
        let apt = Apt::open(SUITE)?;
        let scratch = cache::scratch(PACKAGE)?;
        let (debs, unpacked) = (scratch.path().join("debs"), scratch.path().join("unpacked"));
        fs::create_dir(&debs)?;
        fs::create_dir(&unpacked)?;
        apt.download(&[format!("{PACKAGE}={}", apt.version(PACKAGE)?)], &debs)?;
        apt::unpack(&debs, &unpacked)?;
        fs::copy(unpacked.join("usr/sbin/klockstat"), dir.join("klockstat"))
            .with_context(|| format!("{PACKAGE} has no klockstat"))?;
        Ok(())
    })?;
    Ok(dir.join("klockstat"))
}
