//! A kernel with lockdep, built from the source package of the stock kernel of the same series.
//!
//! The tree stays in the cache: an interrupted build goes on where it was, and modules are built in it.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result};

use super::change;
use crate::{
    apt::Apt,
    cache,
    kernel::{self, Kernel, Resolved},
    place, process, progress, setup,
};

/// The series whose source it is.
const SERIES: &str = "6.12";

/// `CONFIG_LOCALVERSION`, as in the configuration.
const LOCAL_VERSION: &str = "-lockdep";

/// What the build needs, beside what the lab does.
const TOOLS: [&str; 10] = [
    "bc",
    "bison",
    "flex",
    "gcc",
    "libc6-dev",
    "libelf-dev",
    "libssl-dev",
    "make",
    "pahole",
    "xz-utils",
];

const MEGABYTES: u64 = 4500;

/// The kernel, built when it is not in the cache: about 11 minutes on two cores.
///
/// # Errors
/// When the source package cannot be fetched, its text is not what is changed here, or it does not build.
pub fn ready() -> Result<Kernel> {
    let stock = kernel::resolve(kernel::find(SERIES)?)?;
    let config =
        fs::read_to_string(place::lockdep().join("kernel.config")).context("no configuration of the kernel")?;
    let mut hasher = DefaultHasher::new();
    (&config, change::ALL).hash(&mut hasher);
    let resolved = Resolved {
        release: format!("{}{LOCAL_VERSION}", stock.short()),
        version: format!("{}-{:016x}", stock.version, hasher.finish()),
        suite: stock.suite.clone(),
        packages: Vec::new(),
    };
    let tree = cache::entry(&format!("lockdep/{}", resolved.version), |dir| {
        unpack(&stock, dir)?;
        change::apply(dir)?;
        configure(&config, dir)
    })?;
    let dir = cache::entry(&format!("kernel/{}", resolved.key()), |dir| {
        build(&tree, &resolved)?;
        install(&tree, dir)
    })?;
    Ok(Kernel {
        resolved,
        dir,
        tree: Some(tree),
    })
}

/// Fetches the source of a stock kernel and unpacks it into `dir`.
fn unpack(stock: &Resolved, dir: &Path) -> Result<()> {
    setup::ensure(&TOOLS)?;
    cache::require_space(&cache::dir()?, MEGABYTES, "a kernel with lockdep")?;
    progress::say("fetch", &format!("source of linux {}", stock.version));
    let debs = cache::scratch("source")?;
    let package = format!("linux-source-{SERIES}");
    Apt::open(&stock.suite)?.download(&[format!("{package}={}", stock.version)], debs.path())?;
    crate::apt::unpack(debs.path(), debs.path())?;
    progress::say("unpack", &format!("source of linux {}", stock.version));
    let archive = debs.path().join(format!("usr/src/{package}.tar.xz"));
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(archive).arg("-C").arg(dir);
    process::run(tar.args(["--strip-components=1", "--no-same-owner"])).map(drop)
}

/// Everything off but what the configuration says.
fn configure(config: &str, tree: &Path) -> Result<()> {
    fs::write(tree.join("lab.config"), config)?;
    let mut make = make(tree);
    process::run(make.arg("KCONFIG_ALLCONFIG=lab.config").arg("allnoconfig")).map(drop)
}

fn build(tree: &Path, resolved: &Resolved) -> Result<()> {
    // The tree may have come from a run before the packages were removed again.
    setup::ensure(&TOOLS)?;
    progress::say(
        "build",
        &format!("linux {}: about 22 minutes of one core", resolved.release),
    );
    let jobs = thread::available_parallelism().map_or(2, usize::from);
    process::run(make(tree).arg(format!("-j{jobs}")).args(["bzImage", "modules"]))
        .with_context(|| format!("linux {} does not build in {}", resolved.release, tree.display()))?;
    progress::say("built", &format!("linux {}", resolved.release));
    Ok(())
}

/// Copies the image and the modules.
fn install(tree: &Path, dir: &Path) -> Result<()> {
    fs::copy(tree.join("arch/x86/boot/bzImage"), dir.join("vmlinuz")).context("the build left no image")?;
    let mut root = std::ffi::OsString::from("INSTALL_MOD_PATH=");
    root.push(dir);
    process::run(make(tree).arg(root).args(["INSTALL_MOD_STRIP=1", "modules_install"])).map(drop)
}

fn make(tree: &Path) -> Command {
    let mut make = Command::new("make");
    // Which machine built it is nobody's business.
    make.args(["-s", "-C"])
        .arg(tree)
        .args(["KBUILD_BUILD_USER=tracer", "KBUILD_BUILD_HOST=lab"]);
    make
}

/// Where the results of a run are.
pub fn results() -> PathBuf {
    place::target().join("lab/lockdep")
}
