//! The empty programs of `tracer-ebpf/floor`, built like those of the tracer.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{build, place, process, progress, setup, toolchain};

const TARGET: &str = "bpfel-unknown-none";

/// Builds the object and gives its path. The flags are those of aya-build.
pub fn object() -> Result<PathBuf> {
    setup::ensure(&setup::BUILD)?;
    let toolchain = toolchain::ensure()?;
    progress::say("build", "empty programs");
    let directory = place::target().join("floor");
    let mut build = Command::new("rustup");
    build
        .args(["run", &toolchain.name, "cargo", "build", "--release"])
        .args(["-p", "tracer-ebpf", "--bin", "floor", "--features", "floor"])
        .args(["--target", TARGET, "-Z", "build-std=core", "--target-dir"])
        .arg(&directory)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            "--cfg=bpf_target_arch=\"x86_64\"\x1f-Cdebuginfo=2\x1f-Clink-arg=--btf",
        )
        .env_remove("RUSTC")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .current_dir(place::root());
    if toolchain.bootstrap {
        build.env("RUSTC_BOOTSTRAP", "1");
    }
    process::show_output(build::with(&mut build, &toolchain)?)?;
    Ok(directory.join(TARGET).join("release/floor"))
}
