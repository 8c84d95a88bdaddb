//! Builds the eBPF object when the feature `live` asks for it.
//!
//! `TRACER_EBPF_TOOLCHAIN` names the rustup toolchain (default `nightly`), `TRACER_EBPF_BOOTSTRAP=1` lets a stable one build it: see
//! `docs/building.md`. `cargo xtask build` finds or installs both.

fn main() -> anyhow::Result<()> {
    #[cfg(feature = "live")]
    live::build()?;
    Ok(())
}

#[cfg(feature = "live")]
mod live {
    use std::{env, fs, path::Path};

    use anyhow::{Context as _, anyhow};
    use aya_build::{Package, Toolchain};

    const TOOLCHAIN: &str = "TRACER_EBPF_TOOLCHAIN";
    const BOOTSTRAP: &str = "TRACER_EBPF_BOOTSTRAP";

    pub fn build() -> anyhow::Result<()> {
        for name in [TOOLCHAIN, BOOTSTRAP] {
            println!("cargo:rerun-if-env-changed={name}");
        }
        println!("cargo:rerun-if-changed=../tracer-common");
        let out = env::var_os("OUT_DIR").ok_or_else(|| anyhow!("OUT_DIR is not set"))?;
        if env::var_os("AYA_BUILD_SKIP").is_some_and(|skip| skip == "1") {
            // For `cargo check` and clippy: an object that cannot be loaded is enough to compile against.
            return fs::write(Path::new(&out).join("tracer"), []).context("writing a stub of the eBPF object");
        }
        if env::var_os(BOOTSTRAP).is_some_and(|value| value == "1") {
            // SAFETY: this program has one thread.
            unsafe { env::set_var("RUSTC_BOOTSTRAP", "1") };
        }
        let toolchain = env::var(TOOLCHAIN).unwrap_or_else(|_| "nightly".to_owned());
        let package = Package {
            name: "tracer-ebpf",
            root_dir: "../tracer-ebpf",
            ..Package::default()
        };
        aya_build::build_ebpf([package], Toolchain::Custom(&toolchain)).with_context(|| {
            format!(
                "the eBPF program could not be built with toolchain `{toolchain}`: `cargo xtask build` finds or installs one; \
                 `cargo build -p tracer --no-default-features` needs none and gives a tracer that reads and reports files"
            )
        })
    }
}
