//! Fuzzing of everything that reads a file: builds the targets of `fuzz/` with coverage instrumentation, and runs them.

mod seeds;

use std::{collections::VecDeque, fs, path::PathBuf, process::Command, sync::Mutex, thread};

use anyhow::{Context, Result, bail};

use crate::{place, process, progress, setup, toolchain::cargo};

/// The targets: `fuzz/fuzz_targets`.
const TARGETS: [&str; 7] = [
    "text_trace",
    "json_report",
    "splat",
    "proc_lockdep",
    "rules",
    "without",
    "recording",
];

/// libFuzzer is C++.
const COMPILER: [&str; 2] = ["gcc", "g++"];

/// What the compiler has to add for libFuzzer, as cargo-fuzz has it. A sanitizer of memory would need a nightly one, and the targets are safe code.
const INSTRUMENTATION: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Bytes of an input, MB of memory for it, and seconds: what takes more is a finding.
const LIMITS: [&str; 3] = ["-max_len=65536", "-rss_limit_mb=2048", "-timeout=10"];

/// Runs these targets, or all, for so many seconds each. True when none of them found anything.
pub fn run(targets: &[String], seconds: u64) -> Result<bool> {
    let chosen: Vec<&str> = match targets {
        [] => TARGETS.to_vec(),
        targets => targets.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = chosen.iter().find(|target| !TARGETS.contains(target)) {
        bail!("no fuzz target `{unknown}`; there are {}", TARGETS.join(", "));
    }
    setup::ensure(&setup::BUILD)?;
    setup::ensure(&COMPILER)?;
    let fuzzer = Fuzzer::build()?;
    // Each target is one thread.
    let left = Mutex::new(VecDeque::from(chosen));
    let next = || left.lock().ok()?.pop_front();
    let work = || {
        let mut good = true;
        while let Some(target) = next() {
            good &= fuzzer.report(target, seconds);
        }
        good
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    Ok(thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let results: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        results.into_iter().all(|result| result.unwrap_or(false))
    }))
}

/// The targets as programs, and what they start from.
struct Fuzzer {
    programs: PathBuf,
    /// A folder for each target: the files of the tests.
    seeds: PathBuf,
    /// What they have found to lead elsewhere in the code; it is kept from run to run.
    corpus: PathBuf,
}

impl Fuzzer {
    fn build() -> Result<Self> {
        let folder = place::target().join("fuzz");
        // A target that is named keeps the instrumentation out of build scripts and macros.
        let machine = host()?;
        progress::say("build", "the fuzz targets");
        let mut command = Command::new(cargo());
        command
            .args(["build", "--release", "--bins", "--target", &machine])
            .arg("--manifest-path")
            .arg(place::root().join("fuzz/Cargo.toml"))
            .arg("--target-dir")
            .arg(&folder)
            .env("RUSTFLAGS", INSTRUMENTATION);
        process::show_output(&mut command)?;
        let fuzzer = Self {
            programs: folder.join(machine).join("release"),
            seeds: folder.join("seeds"),
            corpus: folder.join("corpus"),
        };
        seeds::write(&fuzzer.seeds)?;
        Ok(fuzzer)
    }

    /// Runs a target and prints a line on it. True when it found nothing.
    fn report(&self, target: &str, seconds: u64) -> bool {
        progress::say("fuzz", &format!("{target} for {seconds} s"));
        let result = self.run(target, seconds);
        match &result {
            Ok(done) => println!("PASS fuzz {target}: {done}, nothing found"),
            Err(error) => println!("FAIL fuzz {target}: {error:#}"),
        }
        result.is_ok()
    }

    /// The last line of libFuzzer when it found nothing; what it said, and the input, when it did.
    fn run(&self, target: &str, seconds: u64) -> Result<String> {
        let corpus = self.corpus.join(target);
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        let found = self.corpus.join(format!("found-{target}-"));
        let mut command = Command::new(self.programs.join(target));
        command
            .arg(&corpus)
            .arg(self.seeds.join(target))
            .args(LIMITS)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}", found.display()));
        let said = process::run(&mut command)?.stderr;
        let said = String::from_utf8_lossy(&said);
        let done = said.lines().rev().find(|line| line.starts_with("Done "));
        Ok(done.context("libFuzzer did not say what it did")?.to_string())
    }
}

/// The machine that the compiler runs on, as it calls it.
fn host() -> Result<String> {
    let version = process::text(Command::new(cargo()).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo -vV names no host")?.to_string())
}
