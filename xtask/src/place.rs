//! Where things of the repository are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The repository.
pub fn root() -> PathBuf {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The scenario files.
pub fn scenarios() -> PathBuf {
    root().join("lab/scenarios")
}

/// What the comparison with lockdep consists of: configuration of its kernel, workload, known differences.
pub fn lockdep() -> PathBuf {
    root().join("lab/lockdep")
}

/// The scenarios of `bench hot-path`.
pub fn hot_path() -> PathBuf {
    root().join("lab/hot-path")
}

/// How many instructions the verifier looks at.
pub fn verified() -> PathBuf {
    root().join("lab/verified.toml")
}

/// The source of the lab's own kernel modules.
pub fn module() -> PathBuf {
    root().join("lab/module")
}
