//! Builds a module for one kernel, with the compiler and headers of that kernel's suite.
//!
//! The build root is unpacked packages, nothing configured and nothing mounted outside a mount namespace of its own,
//! so an interrupted build leaves nothing behind on the host.

use std::{
    ffi::OsString,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    apt::{self, Apt},
    cache,
    kernel::Kernel,
    process, progress,
};

const BUILD_ROOT_MEGABYTES: u64 = 1500;
/// What a kernel module build starts, beside the headers package.
const TOOLS: [&str; 11] = [
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "gcc",
    "grep",
    "libc6-dev",
    "make",
    "mawk",
    "sed",
    "diffutils",
];

/// Where a module is with its debug information, below the folder of those that are loaded.
const DEBUG: &str = "debug";

/// Builds the module in `source` for `kernel`; gives the `.ko` files, from the cache when nothing changed.
pub fn build(source: &Path, kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let name = format!("module/{}-{:016x}", kernel.resolved.key(), fingerprint(source)?);
    let dir = cache::entry(&name, |dir| compile(source, kernel, dir))?;
    let files = fs::read_dir(dir)?.flatten().map(|entry| entry.path());
    let mut built: Vec<_> = files.filter(|path| is_module(path)).collect();
    built.sort();
    Ok(built)
}

/// The same module with its debug information, as the compiler made it.
pub fn with_debug_information(built: &Path) -> PathBuf {
    let folder = built.parent().unwrap_or(Path::new("")).join(DEBUG);
    folder.join(built.file_name().unwrap_or_default())
}

/// The directory with compiler and headers for `kernel`.
pub fn build_root(kernel: &Kernel) -> Result<PathBuf> {
    let resolved = &kernel.resolved;
    cache::entry(&format!("build-root/{}", resolved.key()), |dir| {
        cache::require_space(
            &cache::dir()?,
            BUILD_ROOT_MEGABYTES,
            "the compiler and headers of one kernel",
        )?;
        progress::say("fetch", &format!("compiler and headers for linux {}", resolved.release));
        let apt = Apt::open(&resolved.suite)?;
        let headers = format!("linux-headers-{}={}", resolved.release, resolved.version);
        let mut packages = apt.closure(&[&[headers.as_str()], &TOOLS[..]].concat())?;
        // Headers may ask for the kernel itself, which is in the cache already and not needed here.
        packages.retain(|package| !package.starts_with("linux-image-"));
        let debs = cache::scratch("headers")?;
        apt.download(&packages, debs.path())?;
        progress::say(
            "unpack",
            &format!("compiler and headers for linux {}", resolved.release),
        );
        for name in ["bin", "sbin", "lib", "lib64"] {
            fs::create_dir_all(dir.join("usr").join(name))?;
            symlink(format!("usr/{name}"), dir.join(name))?;
        }
        apt::unpack(debs.path(), dir)?;
        for (link, target) in [("usr/bin/awk", "mawk"), ("usr/bin/sh", "dash")] {
            if !dir.join(link).exists() {
                symlink(target, dir.join(link))?;
            }
        }
        for name in ["dev", "proc", "tmp", "build"] {
            fs::create_dir_all(dir.join(name))?;
        }
        Ok(())
    })
}

fn compile(source: &Path, kernel: &Kernel, into: &Path) -> Result<()> {
    let root = match &kernel.tree {
        Some(_) => None,
        None => Some(build_root(kernel)?),
    };
    progress::say(
        "build",
        &format!("{} for linux {}", source.display(), kernel.resolved.release),
    );
    let work = match &root {
        Some(root) => tempfile::tempdir_in(root.join("build"))?,
        None => cache::scratch("module")?,
    };
    process::run(Command::new("cp").arg("-rT").arg(source).arg(work.path()))?;
    match (&kernel.tree, &root) {
        (Some(tree), _) => make_in_tree(tree, work.path())?,
        (None, Some(root)) => make_in_root(root, kernel, work.path())?,
        (None, None) => bail!("linux {} has neither headers nor a tree", kernel.resolved.release),
    }
    keep_built(work.path(), into).with_context(|| format!("{} built no module", source.display()))
}

/// With the compiler of this machine, which built the kernel too.
fn make_in_tree(tree: &Path, work: &Path) -> Result<()> {
    let mut module = OsString::from("M=");
    module.push(work);
    process::run(Command::new("make").arg("-C").arg(tree).arg(module).arg("modules")).map(drop)
}

/// With the compiler of the kernel's suite.
fn make_in_root(root: &Path, kernel: &Kernel, work: &Path) -> Result<()> {
    let inside = Path::new("/build").join(work.file_name().context("unnamed build directory")?);
    let script = r#"set -e
        mount --rbind /dev "$1/dev"
        mount -t proc proc "$1/proc" || true
        exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C TMPDIR=/tmp make -C "$2" M="$3" CONFIG_NETDEVSIM=m modules"#;
    // netdevsim is built only when it is configured; the lab's own module does not ask.
    let mut make = Command::new("unshare");
    if !process::is_root() {
        make.arg("--map-root-user");
    }
    make.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child=KILL",
        "sh",
        "-c",
        script,
        "make",
    ])
    .arg(root)
    .arg(format!("/usr/src/linux-headers-{}", kernel.resolved.release))
    .arg(inside);
    process::run(&mut make).map(drop)
}

fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ko")
}

/// Keeps the modules, without their debug information and with it.
fn keep_built(work: &Path, into: &Path) -> Result<()> {
    let mut built = 0;
    fs::create_dir(into.join(DEBUG))?;
    for file in fs::read_dir(work)?.flatten().map(|entry| entry.path()) {
        if is_module(&file) {
            let place = into.join(file.file_name().unwrap_or_default());
            fs::copy(&file, with_debug_information(&place))?;
            process::run(
                Command::new("strip")
                    .arg("--strip-debug")
                    .arg("-o")
                    .arg(place)
                    .arg(&file),
            )?;
            built += 1;
        }
    }
    if built == 0 {
        bail!("no .ko file in {}", work.display());
    }
    Ok(())
}

/// Hash over names and content of the source files: a change gives a new cache entry.
fn fingerprint(source: &Path) -> Result<u64> {
    let mut files: Vec<_> = fs::read_dir(source)
        .with_context(|| format!("cannot read the module's source {}", source.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name == "Makefile"
                || name == "Kbuild"
                || ((name.ends_with(".c") || name.ends_with(".h")) && !name.ends_with(".mod.c"))
        })
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    // What is kept of a build is part of what an entry is.
    DEBUG.hash(&mut hasher);
    for file in files {
        file.file_name().hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}
