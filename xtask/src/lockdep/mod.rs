//! `cargo xtask lab lockdep`: lockdep and the tracer watch one and the same run, and what they saw is compared.

mod change;
mod compare;
pub mod kernel;
mod known;
mod proc_lockdep;
mod table;
mod traced;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{failure::usage, lab, place, progress, scenario::Scenario, setup};
use compare::Comparison;
use proc_lockdep::Classes;

/// Recall and precision have to reach this, in percent.
const LIMIT: f64 = 99.0;

/// `/proc/lockdep` as it was saved in the run: a class is gone with the module or the device that its key was in.
const AFTER: [&str; 3] = ["devices", "modules", "after"];

/// Runs the workload and compares, or with `again` compares what the last run left. True when both figures reach the limit.
///
/// # Errors
/// When the kernel cannot be built, the run failed, or lockdep had switched itself off in it.
pub fn run(again: bool, backend: &str, verbose: bool) -> Result<bool> {
    let results = kernel::results();
    if again {
        if !results.join("lockdep_stats").is_file() {
            return Err(usage("there are no results of a run yet: run it without --again"));
        }
    } else {
        setup::ensure(&setup::LAB)?;
        let kernel = kernel::ready()?;
        let text = fs::read_to_string(place::lockdep().join("workload.toml")).context("no workload")?;
        let mut scenario = Scenario::parse("lockdep", &text)?;
        scenario.args.extend(["--backend".to_owned(), backend.to_owned()]);
        let tracer = lab::tracer_binary()?;
        if !lab::run_on(&scenario, &kernel, &tracer, &results, verbose)? {
            return Ok(false);
        }
    }
    let comparisons = compare_results(&results)?;
    let text = table::table(&comparisons);
    print!("{text}");
    fs::write(results.join("agreement.txt"), &text)?;
    progress::say("written", &results.join("agreement.txt").display().to_string());
    Ok(comparisons
        .last()
        .is_some_and(|(_, comparison)| reaches_limit(comparison)))
}

/// First with the subclasses of a class apart, which the tracer does not tell, then taken together: the latter counts.
fn compare_results(results: &Path) -> Result<Vec<(&'static str, Comparison)>> {
    let read = |name: &str| {
        fs::read_to_string(results.join(name))
            .with_context(|| format!("the run left no {name} in {}", results.display()))
    };
    let stats = read("lockdep_stats")?;
    if !is_on(&stats) {
        bail!(
            "lockdep switched itself off during the run: see {}",
            results.join("dmesg.txt").display()
        );
    }
    let before = proc_lockdep::parse(&read("before")?)?;
    let mut after = Classes::default();
    for name in AFTER {
        after.merge(proc_lockdep::parse(&read(name)?)?);
    }
    let new = after.since(&before);
    let traced = traced::parse(&read("report.json")?)?;
    for (counter, count) in &traced.lost {
        progress::say("lost", &format!("{counter}: {count}; differences may come from it"));
    }
    let known = known::read(&place::lockdep().join("known.toml"))?;
    let folded = (new.without_subclasses(), after.without_subclasses());
    Ok(vec![
        ("subclasses apart", compare::compare(&new, &after, &traced, &known)),
        ("together", compare::compare(&folded.0, &folded.1, &traced, &known)),
    ])
}

fn reaches_limit(comparison: &Comparison) -> bool {
    [&comparison.recall, &comparison.precision]
        .into_iter()
        .all(|figure| figure.percent(true) >= LIMIT)
}

/// Whether lockdep was still at work: it stops at the first thing that it reports (`debug_locks_off()`).
fn is_on(stats: &str) -> bool {
    let value = stats.lines().find_map(|line| line.trim().strip_prefix("debug_locks:"));
    value.is_some_and(|value| value.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdep_that_has_stopped_is_noticed() {
        assert!(is_on(
            " max lock depth: 20\n debug_locks:                              1\n"
        ));
        assert!(!is_on(" debug_locks:                              0\n"));
        assert!(!is_on(""));
    }
}
