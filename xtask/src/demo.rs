//! The demo: from nothing to the report of the founding deadlock on a stock kernel.

use std::{fs, thread};

use anyhow::{Context, Result};

use crate::{batch::Job, kernel, lab, module, place, scenario, setup};

const SCENARIO: &str = "founding";
const KERNEL: &str = "6.12";

/// Installs, builds, boots, and prints the report that the guest's tracer wrote.
pub fn run() -> Result<bool> {
    let scenario = scenario::select(&place::scenarios(), &[SCENARIO.to_owned()])?.remove(0);
    setup::ensure(&setup::LAB)?;
    let fetch = thread::spawn(|| module::build(&place::module(), &kernel::fetch(kernel::find(KERNEL)?)?));
    let tracer = lab::tracer_binary();
    fetch
        .join()
        .map_err(|_| anyhow::anyhow!("the fetching of the kernel ended early"))??;
    let job = Job {
        scenario: &scenario,
        kernel: KERNEL.to_owned(),
    };
    let good = lab::run_one(&job, &tracer?, &lab::Options::default())?;
    let results = place::target().join("lab").join(format!("{SCENARIO}-{KERNEL}"));
    let report = fs::read_to_string(results.join("report.txt")).context("the guest's tracer wrote no report")?;
    println!("\n{}", report.trim_end());
    println!("\nThe same as JSON: {}", results.join("report.json").display());
    Ok(good)
}
