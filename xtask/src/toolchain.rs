//! The eBPF toolchain: a rustc with the sources of `core`, and a bpf-linker that reads that rustc's LLVM bitcode.
//!
//! Two routes. Rustup: a dated nightly and a released bpf-linker. Debian: the packages of rustc and its sources, and
//! a bpf-linker built against the LLVM that this rustc uses. Neither touches what the user has: the nightly is an own
//! toolchain beside `nightly`, and bpf-linker lies in the cache.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};

use crate::{cache, failure::unable, process, progress, setup};

const LINKER_VERSION: &str = "0.13.0";
const LINKER_RELEASES: &str = "https://github.com/aya-rs/bpf-linker/releases/download";
/// Dated, because installing `nightly` would replace the user's own.
const NIGHTLY: &str = "nightly-2026-05-20";
const DEBIAN: &str = "debian-ebpf";
/// Minor version of the oldest Rust that builds aya-ebpf with the `core` of edition 2024.
const OLDEST: u32 = 87;

/// What the eBPF build needs.
pub struct Toolchain {
    /// Rustup's name for it.
    pub name: String,
    /// Whether it is a stable rustc, which needs `RUSTC_BOOTSTRAP` for `-Z build-std`.
    pub bootstrap: bool,
    /// Directory of bpf-linker, to be put on `PATH`.
    pub linker: PathBuf,
    /// How it was come by, in one line.
    pub route: String,
}

/// Finds or installs a toolchain, by the first route that works.
pub fn ensure() -> Result<Toolchain> {
    // Both routes end in the cache; what is there already needs no network.
    if let Some(found) = rustup_installed().or_else(debian_installed) {
        return Ok(found);
    }
    let rustup = rustup();
    if let Err(error) = &rustup {
        progress::say(
            "toolchain",
            &format!("rustup route not possible ({error:#}), taking Debian's packages"),
        );
    }
    rustup.or_else(|_| debian()).map_err(|error| {
        unable(format!(
            "no eBPF toolchain: {error:#}\n`cargo build -p tracer --no-default-features` needs none and gives a tracer that reads and reports files"
        ))
    })
}

fn linker_release() -> String {
    format!("bpf-linker/{LINKER_VERSION}-release")
}

fn rustup_toolchain(linker: PathBuf) -> Toolchain {
    let route = format!("rustup: {NIGHTLY} with rust-src, released bpf-linker {LINKER_VERSION}");
    Toolchain {
        name: NIGHTLY.to_owned(),
        bootstrap: false,
        linker,
        route,
    }
}

fn rustup_installed() -> Option<Toolchain> {
    let linker = cache::dir().ok()?.join(linker_release());
    let sysroot = process::text(Command::new("rustup").args(["run", NIGHTLY, "rustc", "--print", "sysroot"])).ok()?;
    let sources = PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/core");
    (linker.is_dir() && sources.is_dir()).then(|| rustup_toolchain(linker))
}

/// The linker first: where it cannot be had, rustup is not asked for a toolchain of no use.
fn rustup() -> Result<Toolchain> {
    let linker = cache::entry(&linker_release(), |dir| {
        progress::say("fetch", &format!("bpf-linker {LINKER_VERSION}"));
        let archive = dir.join("archive.tar.gz");
        let url = format!("{LINKER_RELEASES}/v{LINKER_VERSION}/bpf-linker-x86_64-unknown-linux-musl.tar.gz");
        let mut curl = Command::new("curl");
        curl.args(["-fsSL", "--connect-timeout", "5", "--max-time", "60", "-o"])
            .arg(&archive)
            .arg(url);
        process::run(&mut curl).context("no released bpf-linker")?;
        process::run(Command::new("tar").args(["-xzf"]).arg(&archive).arg("-C").arg(dir))?;
        process::run(Command::new(dir.join("bpf-linker")).arg("--version"))
            .context("the released bpf-linker does not run")?;
        Ok(std::fs::remove_file(archive)?)
    })?;
    progress::say("fetch", &format!("{NIGHTLY} with rust-src"));
    let mut install = Command::new("rustup");
    install.env("RUSTUP_MAX_RETRIES", "1");
    install.args([
        "toolchain",
        "install",
        NIGHTLY,
        "--profile",
        "minimal",
        "--component",
        "rust-src",
        "--no-self-update",
    ]);
    if !process::succeeds_within(&mut install, Duration::from_secs(300)) {
        return Err(unable(format!("rustup cannot fetch {NIGHTLY}")));
    }
    Ok(rustup_toolchain(linker))
}

fn debian_toolchain(linker: PathBuf, llvm: &str) -> Toolchain {
    let route =
        format!("Debian packages: {DEBIAN} (/usr/bin/rustc), bpf-linker {LINKER_VERSION} built with LLVM {llvm}");
    Toolchain {
        name: DEBIAN.to_owned(),
        bootstrap: true,
        linker: linker.join("bin"),
        route,
    }
}

fn debian_linker(llvm: &str) -> String {
    format!("bpf-linker/{LINKER_VERSION}-llvm-{llvm}")
}

fn debian_installed() -> Option<Toolchain> {
    let linked = process::text(Command::new("rustup").args(["run", DEBIAN, "rustc", "-vV"])).ok()?;
    let llvm = llvm_major(&linked)?;
    let linker = cache::dir().ok()?.join(debian_linker(llvm));
    let runs = process::run(Command::new(linker.join("bin/bpf-linker")).arg("--version")).is_ok();
    let sources = PathBuf::from("/usr/lib/rustlib/src/rust/library/core").exists();
    (runs && sources).then(|| debian_toolchain(linker, llvm))
}

fn debian() -> Result<Toolchain> {
    setup::ensure(&["rustc-web", "cargo-web", "rust-web-src"])?;
    let version = process::text(Command::new("/usr/bin/rustc").arg("-vV"))?;
    if minor(&version).is_none_or(|minor| minor < OLDEST) {
        return Err(unable(format!(
            "Debian's /usr/bin/rustc is older than 1.{OLDEST}; bookworm-security has a newer one: `apt-get update && apt-get install rustc-web cargo-web rust-web-src`"
        )));
    }
    let llvm = llvm_major(&version).context("/usr/bin/rustc does not say which LLVM it uses")?;
    setup::ensure(&[&format!("llvm-{llvm}-dev")])?;
    process::run(Command::new("rustup").args(["toolchain", "link", DEBIAN, "/usr"]))?;
    let linker = cache::entry(&debian_linker(llvm), |dir| {
        progress::say("build", &format!("bpf-linker {LINKER_VERSION} with LLVM {llvm}"));
        let mut install = Command::new(cargo());
        install
            .args([
                "install",
                "bpf-linker",
                "--version",
                LINKER_VERSION,
                "--no-default-features",
                "--features",
            ])
            .arg(format!("llvm-{llvm}"))
            .args(["--locked", "--no-track", "--root"])
            .arg(dir)
            .env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"))
            .env_remove("CARGO_TARGET_DIR")
            // Not in the repository: its configuration is not for this.
            .current_dir(dir);
        process::run(&mut install)?;
        Ok(())
    })?;
    Ok(debian_toolchain(linker, llvm))
}

/// The cargo that started xtask.
pub fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// The 96 of `rustc 1.96.0`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

fn llvm_major(version: &str) -> Option<&str> {
    version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?
        .split('.')
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_llvm_that_rustc_uses() {
        assert_eq!(
            llvm_major("rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n"),
            Some("22")
        );
        assert_eq!(llvm_major("rustc 1.96.0\n"), None);
    }

    #[test]
    fn reads_how_old_a_rustc_is() {
        assert_eq!(minor("rustc 1.85.0 (4d91de4e4 2025-02-17)"), Some(85));
        assert_eq!(minor("gcc 12.2.0"), None);
    }
}
