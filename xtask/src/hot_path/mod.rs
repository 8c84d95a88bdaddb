//! `cargo xtask bench hot-path`: what a pair of lock and unlock costs without a tracer, under empty programs (the floor), under the tracer, under
//! klockstat and on a kernel with lockdep.

mod figure;
mod floor;
mod klockstat;
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{
    initramfs::Initramfs,
    kernel::{self, Kernel},
    lab, lockdep, place, progress,
    scenario::Scenario,
    setup,
};
use figure::Figures;

/// Where lockdep's kernel has its source from, too.
const SERIES: &str = "6.12";

/// How `bench hot-path` was called.
#[derive(Clone, Copy)]
pub struct Options {
    /// A goal that is missed is a failure.
    pub check: bool,
    /// Show what the last run measured, without running.
    pub again: bool,
    /// Show the guests' consoles.
    pub verbose: bool,
}

/// Measures in two guests, one after the other, and prints the figures. False when a goal is missed and that was asked for.
///
/// # Errors
/// When something could not be run.
pub fn run(options: Options) -> Result<bool> {
    if !options.again {
        setup::ensure(&setup::LAB)?;
        measure("stock", &kernel::fetch(kernel::find(SERIES)?)?, options.verbose)?;
        measure("lockdep", &lockdep::kernel::ready()?, options.verbose)?;
    }
    let figures = Figures::read(&results("stock"), &results("lockdep"))?;
    let text = table::table(&figures)?;
    print!("{text}");
    let kept = place::target().join("lab/hot-path.txt");
    fs::write(&kept, &text)?;
    progress::say("written", &kept.display().to_string());
    Ok(!options.check || table::goals_are_met(&figures)?)
}

fn measure(name: &str, kernel: &Kernel, verbose: bool) -> Result<()> {
    let file = place::hot_path().join(name).with_extension("toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let scenario = Scenario::parse(&format!("hot-path-{name}"), &text)?;
    let tracer = lab::tracer_binary()?;
    if !lab::run_on(&scenario, kernel, &tracer, &results(name), verbose)? {
        bail!("nothing was measured on linux {}", kernel.resolved.release);
    }
    Ok(())
}

fn results(name: &str) -> PathBuf {
    place::target().join("lab").join(format!("hot-path-{name}"))
}

/// Gives a guest what the tracer is compared with: klockstat and the object of the empty programs.
pub fn add_rivals(initramfs: &Initramfs<'_>) -> Result<()> {
    initramfs.add_program(&klockstat::program()?, "usr/sbin/klockstat")?;
    initramfs.add_program(&floor::object()?, "lab/floor.o")
}
