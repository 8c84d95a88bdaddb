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
    /// What failed, a line each.
    failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: &str, result: Result<bool>) {
        match result {
            Ok(true) => self.passed += 1,
            Ok(false) => self.fail(1, what.to_owned()),
            Err(error) => {
                println!("FAIL {what}: {error:#}");
                self.fail(1, format!("{what}: {error:#}"));
            }
        }
    }

    fn fail(&mut self, number: usize, what: String) {
        self.failed += number;
        self.failures.push(what);
    }

    /// Says again what failed, after all that was said since, and then the sums.
    fn tell(&self) {
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
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
    // That all of it compiles without the kernel and the terminal is clippy's to say; what it does then is the same, but for the command line.
    let command_line: &[&str] = if long { &[] } else { &["--test", "cli"] };
    unit_tests(&[&pure[..], command_line].concat(), long, &mut tally);
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
            tally.fail(
                jobs.len(),
                format!("{} scenarios: no tracer to run: {error:#}", jobs.len()),
            );
        }
    }
    tally.tell();
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
        Ok(results) => {
            tally.passed += results.passed;
            println!(
                "{} {what}: {} passed, {} failed",
                if results.success { "PASS" } else { "FAIL" },
                results.passed,
                results.failed.len()
            );
            for name in &results.failed {
                tally.fail(1, format!("test {name}"));
            }
            // A test program that does not build or dies has no line of a test that failed, but fails cargo.
            if !results.success && results.failed.is_empty() {
                tally.fail(1, what);
            }
        }
        Err(error) => tally.count(&what, Err(error)),
    }
}

/// What the tests of one call of cargo gave.
#[derive(Default)]
struct Results {
    passed: usize,
    failed: Vec<String>,
    success: bool,
}

fn results(args: &[&str]) -> Result<Results> {
    let mut child = command(args)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut results = Results::default();
    for line in BufReader::new(child.stdout.take().context("no output of cargo")?).lines() {
        let line = line?;
        eprintln!("{line}");
        results.passed += passed(&line).unwrap_or(0);
        results.failed.extend(failed(&line).map(str::to_owned));
    }
    results.success = child.wait()?.success();
    Ok(results)
}

/// Reads `test result: ok. 12 passed; 0 failed; ...`.
fn passed(line: &str) -> Option<usize> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    counts.split_once(" passed;")?.0.parse().ok()
}

/// Reads `test graph::tests::a_name ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_result_lines_only() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!((passed(line), failed(line)), (Some(12), None));
        let line = "test expect::tests::count ... ok";
        assert_eq!((passed(line), failed(line)), (None, None));
        assert_eq!(failed("test a::b - c (line 3) ... FAILED"), Some("a::b - c (line 3)"));
    }
}
