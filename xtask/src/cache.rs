//! The cache directory: everything fetched or built outside `target/`.
//!
//! An entry is made under a temporary name and renamed when it is complete, so an interrupted run never breaks the
//! next one; a lock file keeps two runs from making the same entry at once.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{failure::unable, process};

/// `$TRACER_CACHE`, else `$XDG_CACHE_HOME/tracer-lab`, else `~/.cache/tracer-lab`.
pub fn dir() -> Result<PathBuf> {
    let var = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = var("TRACER_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("tracer-lab")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/tracer-lab")))
        .ok_or_else(|| unable("no place for the cache: set HOME or TRACER_CACHE"))?;
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the cache {}", dir.display()))?;
    Ok(fs::canonicalize(dir)?)
}

/// Keeps other runs out of the cache entry `name` while the returned file is open.
pub fn lock(name: &str) -> Result<File> {
    let dir = dir()?.join("lock");
    fs::create_dir_all(&dir)?;
    let file = File::create(dir.join(name.replace('/', "-")))?;
    file.lock()?;
    Ok(file)
}

/// The directory `name` in the cache; when it is not there, `fill` makes its content in a temporary one first.
pub fn entry(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let place = dir()?.join(name);
    if place.is_dir() {
        return Ok(place);
    }
    let _lock = lock(name)?;
    if place.is_dir() {
        return Ok(place);
    }
    let temporary = scratch(&name.replace('/', "-"))?;
    fill(temporary.path())?;
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::rename(temporary.path(), &place).with_context(|| format!("cannot move to {}", place.display()))?;
    Ok(place)
}

/// Writes a small file of the cache in one step.
pub fn write(name: &str, content: &str) -> Result<()> {
    let place = dir()?.join(name);
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let temporary = place.with_extension(format!("new-{}", std::process::id()));
    fs::write(&temporary, content)?;
    fs::rename(temporary, place)?;
    Ok(())
}

/// A temporary directory on the cache's file system, removed when dropped.
pub fn scratch(name: &str) -> Result<tempfile::TempDir> {
    let dir = dir()?.join("tmp");
    fs::create_dir_all(&dir)?;
    sweep(&dir);
    let temporary = tempfile::Builder::new()
        .prefix(&format!("{}-{name}-", std::process::id()))
        .tempdir_in(dir)?;
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755))?;
    Ok(temporary)
}

/// Removes what killed runs left: temporary directories that start with the pid of a process that is gone.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.split('-').next())
            .unwrap_or_default();
        if !pid.is_empty() && !Path::new("/proc").join(pid).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// An error unless `need` MB are free where `dir` is.
pub fn require_space(dir: &Path, need: u64, what: &str) -> Result<()> {
    let df = process::text(Command::new("df").args(["-Pk"]).arg(dir))?;
    let free = df
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    match free.map(|kilobytes| kilobytes / 1024) {
        Some(free) if free < need => Err(unable(format!(
            "no disk space: {what} needs {need} MB in {}, {free} MB are free; make room or set TRACER_CACHE",
            dir.display()
        ))),
        _ => Ok(()),
    }
}
