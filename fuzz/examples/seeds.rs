//! Writes what the fuzz targets start from, a folder each: `seeds TESTS OUT`, with the folder of tracer's tests.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use tracer::{import, report};

/// Larger ones slow the fuzzing down.
const MAX_BYTES: usize = 32 * 1024;

/// As the kernel prints it, with an edge to a class that is not listed and one to itself.
const PROC_LOCKDEP: &str = "\
all lock classes:
00000000c5a3b2a1 FD:  189 BD:    2 +.+.: rtnl_mutex
 -> [00000000d4e5f607] &dev->mutex
 -> [0000000012345678] pernet_ops_rwsem

00000000d4e5f607 FD:    1 BD:    2 ++++: &dev->mutex
 -> [00000000c5a3b2a1] rtnl_mutex
 -> [00000000d4e5f607] &dev->mutex

";

fn main() -> io::Result<()> {
    let folders: Vec<_> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [tests, out] = folders.as_slice() else {
        return Err(io::Error::other("seeds TESTS OUT"));
    };
    for (name, trace) in files(&tests.join("cases"))? {
        write(out, "text_trace", &name, &trace)?;
        write(out, "without", &name, &format!("pernet_ops_rwsem@cleanup_net\n{trace}"))?;
        let snapshot = import::read_from(&name, trace.as_bytes()).map_err(io::Error::other)?;
        write(out, "json_report", &name, &report::json::render(&snapshot)?)?;
    }
    for (name, log) in files(&tests.join("splats"))? {
        write(out, "splat", &name, &log)?;
    }
    for (name, rules) in files(&tests.join("../src/analysis/rules"))? {
        if name.ends_with(".toml") {
            write(out, "rules", &name, &rules)?;
        }
    }
    write(out, "proc_lockdep", "two classes", PROC_LOCKDEP)
}

/// Files of a folder by name.
fn files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(entry.path())?));
        }
    }
    Ok(files)
}

fn write(out: &Path, target: &str, name: &str, text: &str) -> io::Result<()> {
    let folder = out.join(target);
    fs::create_dir_all(&folder)?;
    if text.len() > MAX_BYTES {
        return Ok(());
    }
    fs::write(folder.join(name), text)
}
