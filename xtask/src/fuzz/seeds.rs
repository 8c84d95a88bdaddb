//! What the fuzz targets start from: the files of the tests, and the reports of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{place, process, toolchain::cargo};

/// Larger ones slow the fuzzing down.
const MAX_BYTES: usize = 32 * 1024;

/// As the kernel prints it, with a dependency on a class that is not listed and one on the class itself.
const PROC_LOCKDEP: &str = "\
all lock classes:
00000000c5a3b2a1 FD:  189 BD:    2 +.+.: rtnl_mutex
 -> [00000000d4e5f607] &dev->mutex
 -> [0000000012345678] pernet_ops_rwsem

00000000d4e5f607 FD:    1 BD:    2 ++++: &dev->mutex
 -> [00000000c5a3b2a1] rtnl_mutex
 -> [00000000d4e5f607] &dev->mutex

";

/// Writes a folder for each target.
pub(super) fn write(out: &Path) -> Result<()> {
    let files_of = |folder: &str| files(&place::root().join("tracer").join(folder));
    let tracer = tracer()?;
    for (path, name) in files_of("tests/cases")? {
        let trace = read(&path)?;
        seed(out, "text_trace", &name, &trace)?;
        seed(out, "without", &name, format!("pernet_ops_rwsem@cleanup_net\n{trace}"))?;
        let mut report = Command::new(&tracer);
        report
            .args(["report", "--format", "json", "--fail-on", "never"])
            .arg(&path);
        seed(out, "json_report", &name, process::text(&mut report)?)?;
    }
    for (path, name) in files_of("tests/splats")? {
        seed(out, "splat", &name, read(&path)?)?;
    }
    for (path, name) in files_of("tests/recordings")? {
        if name.ends_with(".rec") {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            // One that is cut off is as good.
            seed(out, "recording", &name, &bytes[..bytes.len().min(MAX_BYTES)])?;
        }
    }
    for (path, name) in files_of("src/analysis/rules")? {
        if name.ends_with(".toml") {
            seed(out, "rules", &name, read(&path)?)?;
        }
    }
    seed(out, "proc_lockdep", "two-classes", PROC_LOCKDEP)
}

/// The pure part of tracer, which reads files.
fn tracer() -> Result<PathBuf> {
    let target = place::target().join("pure");
    let mut build = Command::new(cargo());
    build
        .args(["build", "-p", "tracer", "--no-default-features", "--target-dir"])
        .arg(&target)
        .current_dir(place::root());
    process::show_output(&mut build)?;
    Ok(target.join("debug/tracer"))
}

/// Files of a folder, with their names.
fn files(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((entry.path(), entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn seed(out: &Path, target: &str, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
    let content = content.as_ref();
    if content.len() > MAX_BYTES {
        return Ok(());
    }
    let folder = out.join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(name);
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}
