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
    use object::{
        build::elf::{Builder, SectionData},
        elf,
    };
    use tracer_common::{
        multi::Multi,
        probe::{PROBES, Probe},
    };

    /// The objects, and the features that each is built with.
    const OBJECTS: &[(&str, &[&str])] = &[
        ("plain", &[]),
        ("looped", &["loop"]),
        (NEWEST, &["newest", "stand-in"]),
        ("probed", &["kprobe"]),
    ];

    /// The object that has programs for many functions, too (`tracer_common::multi`). It is taken apart, because each program in an object costs time when that is loaded: what is
    /// used without them, they themselves, and what is used with them.
    const NEWEST: &str = "newest";
    const MULTI: &str = "multi";
    const ALONE: &str = "alone";

    const SKIP: &str = "AYA_BUILD_SKIP";
    const TOOLCHAIN: &str = "TRACER_EBPF_TOOLCHAIN";
    const BOOTSTRAP: &str = "TRACER_EBPF_BOOTSTRAP";
    /// With `1` in it, objects keep the lines of their source, which the verifier prints.
    const LINES: &str = "TRACER_EBPF_LINES";

    pub fn build() -> anyhow::Result<()> {
        for name in [SKIP, TOOLCHAIN, BOOTSTRAP, LINES] {
            println!("cargo:rerun-if-env-changed={name}");
        }
        println!("cargo:rerun-if-changed=../tracer-common");
        let out = env::var_os("OUT_DIR").ok_or_else(|| anyhow!("OUT_DIR is not set"))?;
        let object = |name: &str| Path::new(&out).join(format!("{name}.o"));
        if env::var_os(SKIP).is_some_and(|skip| skip == "1") {
            // For `cargo check` and clippy: objects that cannot be loaded are enough to compile against.
            for name in OBJECTS.iter().map(|(name, _)| *name).chain([MULTI, ALONE]) {
                fs::write(object(name), []).context("writing a stub of the eBPF object")?;
            }
            return Ok(());
        }
        if env::var_os(BOOTSTRAP).is_some_and(|value| value == "1") {
            // SAFETY: this program has one thread.
            unsafe { env::set_var("RUSTC_BOOTSTRAP", "1") };
        }
        let keeps_lines = env::var_os(LINES).is_some_and(|value| value == "1");
        let toolchain = env::var(TOOLCHAIN).unwrap_or_else(|_| "nightly".to_owned());
        for (name, features) in OBJECTS {
            let package = Package {
                name: "tracer-ebpf",
                root_dir: "../tracer-ebpf",
                features,
                ..Package::default()
            };
            aya_build::build_ebpf([package], Toolchain::Custom(&toolchain)).with_context(|| {
                format!(
                    "the eBPF program could not be built with toolchain `{toolchain}`: `cargo xtask build` finds or installs one; \
                     `cargo build -p tracer --no-default-features` needs none and gives a tracer that reads and reports files"
                )
            })?;
            let built = fs::read(Path::new(&out).join("tracer")).context("reading the eBPF object")?;
            let keep = |name, without: &dyn Fn(&str) -> bool| {
                fs::write(object(name), lean(&built, without, keeps_lines)?).context("keeping the eBPF object")
            };
            if *name == NEWEST {
                let is_multi = |section: &str| section.starts_with("kprobe/");
                keep(NEWEST, &is_multi)?;
                keep(MULTI, &|section| section.contains('/') && !is_multi(section))?;
                keep(ALONE, &|section| is_multi(section) || is_replaced(section))?;
            } else {
                keep(name, &|_| false)?;
            }
        }
        Ok(())
    }

    /// An object without some of its sections of programs, and without its debug information: that is nine tenths of it, and only a debugger of the kernel could use it. BTF stays, but for the
    /// lines of the source, which are half of what is left: aya goes through them for each program, and the kernel checks them.
    fn lean(object: &[u8], without: &dyn Fn(&str) -> bool, keeps_lines: bool) -> anyhow::Result<Vec<u8>> {
        let mut builder = Builder::read(object)?;
        for section in &mut builder.sections {
            let name = section.name.as_slice();
            section.delete = [".debug_", ".rel.debug_", ".rel.BTF"]
                .iter()
                .any(|unused| name.starts_with(unused.as_bytes()))
                || without(&String::from_utf8_lossy(name.strip_prefix(b".rel").unwrap_or(name)));
            if name == b".BTF.ext"
                && !keeps_lines
                && let SectionData::Data(data) = &mut section.data
            {
                *data = without_lines(data)
                    .context("the section .BTF.ext is not as expected")?
                    .into();
            }
        }
        builder.delete_orphans();
        // LLVM keeps the names of sections with those of symbols; the builder wants a table of their own.
        let names = builder.sections.add();
        names.name = b".shstrtab".as_slice().into();
        names.data = SectionData::SectionString;
        names.sh_type = elf::SHT_STRTAB;
        let mut kept = Vec::new();
        builder.write(&mut kept)?;
        Ok(kept)
    }

    /// Whether a section has a program, or its stand-in, that one for many functions takes the place of.
    fn is_replaced(section: &str) -> bool {
        let Some((_, program)) = section.split_once('/') else {
            return false;
        };
        let is_it = |probe: &&Probe| probe.program == program || probe.stand_in_names.contains(&program);
        PROBES
            .iter()
            .find(is_it)
            .is_some_and(|probe| Multi::of(probe).is_some())
    }

    /// The section without the lines of the source (`struct btf_ext_header`, tools/lib/bpf/libbpf_internal.h). They come second, before relocations of types, of which
    /// there are none.
    fn without_lines(section: &[u8]) -> Option<Vec<u8>> {
        const HEADER: usize = 4;
        const LINES: usize = 16;
        const LINES_LENGTH: usize = 20;
        const TYPES: usize = 24;
        const TYPES_LENGTH: usize = 28;
        let number = |at: usize| Some(u32::from_le_bytes(section.get(at..at + 4)?.try_into().ok()?));
        let lines = number(LINES)?;
        if number(TYPES_LENGTH)? != 0 || number(TYPES)? != lines + number(LINES_LENGTH)? {
            return None;
        }
        let mut kept = section.get(..(number(HEADER)? + lines) as usize)?.to_vec();
        kept[LINES_LENGTH..][..4].fill(0);
        kept[TYPES..][..4].copy_from_slice(&lines.to_le_bytes());
        Some(kept)
    }
}
