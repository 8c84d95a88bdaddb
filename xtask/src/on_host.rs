//! The part of a scenario that this machine runs, for programs that no guest has.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};

use crate::{kernel::Kernel, lab, place, process, scenario::Scenario, source};

/// What runs here sees the whole machine: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `host` in the folder of the results. An error holds the end of what it said.
///
/// # Errors
/// When it fails, or something that it is given is not to be had.
pub fn run(scenario: &Scenario, kernel: &Kernel, tracer: &Path, results: &Path) -> Result<()> {
    if scenario.host.is_empty() {
        return Ok(());
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let modules = lab::debug_files(&scenario.modules, kernel)?;
    let folder = modules.first().and_then(|file| file.parent());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &scenario.host])
        .current_dir(results)
        .env("TRACER", tracer)
        .env("LIB", place::root().join("xtask/src/guest/lib.sh"))
        .env("SCRIPTS", source::scripts(kernel)?)
        .env("MODULES", folder.unwrap_or(Path::new("")));
    process::run(&mut bash).map(drop).context("host")
}
