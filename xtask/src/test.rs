//! Every test there is: style, lints, unit tests, and each scenario on each of its kernels.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result};

use crate::{batch, browser, build, fuzz, kernel, lab, place, progress, scenario, setup, toolchain::cargo};

/// Seconds for which a long test run fuzzes each target.
const FUZZED: u64 = 60;

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, what: &str, result: Result<bool>) {
        match result {
            Ok(true) => self.passed += 1,
            Ok(false) => self.failed += 1,
            Err(error) => {
                self.failed += 1;
                println!("FAIL {what}: {error:#}");
            }
        }
    }
}

/// Runs everything, `jobs` guests at once, and prints `N passed, N failed`. True when none failed.
pub fn run(long: bool, jobs: Option<usize>) -> Result<bool> {
    let options = lab::Options {
        jobs,
        ..lab::Options::default()
    };
    let mut tally = Tally::default();
    setup::ensure(&setup::LAB)?;
    // Fetching waits for the network, compiling for the processor: side by side.
    let kernels = thread::spawn(fetch_kernels);
    tally.count("cargo fmt", check(&["fmt", "--all", "--check"]));
    let tracer = lab::tracer_binary();
    tally.count(
        "cargo clippy",
        check(&["clippy", "--all-targets", "--", "-D", "warnings"]),
    );
    let pure = ["-p", "tracer", "--no-default-features"];
    tally.count(
        "cargo clippy without live",
        check(&[&["clippy", "--all-targets"], &pure[..], &["--", "-D", "warnings"]].concat()),
    );
    unit_tests(&["--workspace", "--exclude", "tracer-ebpf"], long, &mut tally);
    unit_tests(&pure, long, &mut tally);
    tally.count("the HTML report in a browser", browser::run());
    if long {
        tally.count("fuzz", fuzz::run(&[], FUZZED));
    }
    if kernels.join().is_err() {
        progress::say("fetch", "the fetching of kernels ended early");
    }
    let mut scenarios = scenario::all(&place::scenarios())?;
    scenarios.retain(|scenario| long || !scenario.long);
    let jobs = batch::jobs(&scenarios, |scenario| scenario.kernels.clone());
    match &tracer {
        Ok(tracer) => batch::run(&jobs, tracer, &options, |job, result| {
            tally.count(&job.to_string(), result);
        }),
        Err(error) => {
            tally.failed += jobs.len();
            println!("FAIL {} scenarios: no tracer to run: {error:#}", jobs.len());
        }
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

/// Errors are left to the scenario that needs the kernel: it tries again and reports them.
fn fetch_kernels() {
    for series in &kernel::ALL {
        let fetched = kernel::fetch(series).and_then(|kernel| {
            ["dlock", "netdevsim"]
                .iter()
                .filter_map(|name| lab::built_module(name, &kernel))
                .try_for_each(|built| built.map(drop))
        });
        if let Err(error) = fetched {
            progress::say("fetch", &format!("linux {}: {error:#}", series.name));
        }
    }
}

/// Cargo without the eBPF objects, which take minutes: what is linted and tested here loads none.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.args(args).current_dir(place::root()).stdin(Stdio::null());
    command.env(build::SKIP, "1");
    command
}

fn check(args: &[&str]) -> Result<bool> {
    progress::say("test", &format!("cargo {}", args.join(" ")));
    let status = command(args)
        .stdout(std::io::stderr())
        .status()
        .context("cannot start cargo")?;
    println!(
        "{} cargo {}",
        if status.success() { "PASS" } else { "FAIL" },
        args.join(" ")
    );
    Ok(status.success())
}

fn unit_tests(packages: &[&str], long: bool, tally: &mut Tally) {
    let mut args = [&["test", "--no-fail-fast"], packages].concat();
    if long {
        args.extend(["--", "--include-ignored"]);
    }
    let what = format!("cargo {}", args.join(" "));
    progress::say("test", &what);
    match results(&args) {
        Ok((passed, failed, success)) => {
            tally.passed += passed;
            // A test program that does not build or dies has no result line, but fails cargo.
            tally.failed += if success { failed } else { failed.max(1) };
            println!(
                "{} {what}: {passed} passed, {failed} failed",
                if success { "PASS" } else { "FAIL" }
            );
        }
        Err(error) => tally.count(&what, Err(error)),
    }
}

fn results(args: &[&str]) -> Result<(usize, usize, bool)> {
    let mut child = command(args)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(child.stdout.take().context("no output of cargo")?).lines() {
        let line = line?;
        eprintln!("{line}");
        if let Some((good, bad)) = result(&line) {
            passed += good;
            failed += bad;
        }
    }
    Ok((passed, failed, child.wait()?.success()))
}

/// Reads `test result: ok. 12 passed; 0 failed; ...`.
fn result(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |name: &str| {
        counts
            .split("; ")
            .find_map(|part| part.trim().strip_suffix(name)?.trim().parse().ok())
    };
    Some((count("passed")?, count("failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_result_lines_only() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(result(line), Some((12, 3)));
        assert_eq!(result("test expect::tests::count ... ok"), None);
    }
}
