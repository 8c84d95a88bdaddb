//! Builds tracer together with its eBPF program, and starts it.

use std::{env, ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    cache, place, process, progress, setup,
    toolchain::{self, Toolchain, cargo},
};

const MEGABYTES: u64 = 2000;

/// With `1` in it, tracer's build script makes empty eBPF objects.
pub const SKIP: &str = "AYA_BUILD_SKIP";

/// Builds `target/release/tracer` and gives its path.
pub fn tracer() -> Result<PathBuf> {
    setup::ensure(&setup::BUILD)?;
    std::fs::create_dir_all(place::target())?;
    cache::require_space(&place::target(), MEGABYTES, "the build")?;
    let toolchain = toolchain::ensure()?;
    progress::say("toolchain", &toolchain.route);
    progress::say("build", "tracer");
    let mut build = Command::new(cargo());
    build
        .args(["build", "--release", "-p", "tracer"])
        .current_dir(place::root());
    process::show_output(with(&mut build, &toolchain)?)?;
    progress::say("built", "tracer");
    Ok(place::target().join("release/tracer"))
}

/// Sets what tracer's build script needs to build the eBPF program.
pub fn with<'a>(command: &'a mut Command, toolchain: &Toolchain) -> Result<&'a mut Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let path: OsString = env::join_paths(std::iter::once(toolchain.linker.clone()).chain(env::split_paths(&path)))?;
    // The build script turns it into RUSTC_BOOTSTRAP, for the eBPF build alone.
    let bootstrap = if toolchain.bootstrap { "1" } else { "0" };
    command
        .env("PATH", path)
        .env_remove(SKIP)
        .env("TRACER_EBPF_TOOLCHAIN", &toolchain.name)
        .env("TRACER_EBPF_BOOTSTRAP", bootstrap);
    Ok(command)
}

/// Builds tracer and becomes it, through sudo when not root.
pub fn run(args: &[OsString]) -> Result<bool> {
    let tracer = tracer()?;
    let program = tracer
        .to_str()
        .context("the path of the target directory is not UTF-8")?;
    Err(process::as_root(program)?.args(args).exec()).context("cannot start tracer")
}
