//! The command line.

use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{bench, browser, build, demo, fuzz, hot_path, lab, lockdep, test};

/// Builds, runs, tests and demonstrates tracer.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show it all: build, boot a stock 6.12 kernel, deadlock it, print the report.
    Demo,
    /// Run every test, those in virtual machines included.
    Test {
        /// Also the tests that take long.
        #[arg(long)]
        long: bool,
        /// How many guests run at once; as many as processors by default.
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Build tracer with its eBPF program.
    Build {
        /// Accepted for habit's sake: it always is a release build.
        #[arg(long)]
        release: bool,
    },
    /// Build tracer and start it on this machine.
    Run {
        /// Arguments of tracer.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Measure what tracer costs.
    #[command(subcommand)]
    Bench(Bench),
    /// Feed everything that reads a file what nobody would write.
    Fuzz {
        /// Targets; all of them by default.
        targets: Vec<String>,
        /// How long each of them runs.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Look at the HTML report in a browser without a screen.
    Browser,
    /// Boot stock kernels and run scenarios in them.
    #[command(subcommand)]
    Lab(Lab),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The analysis: events, dependencies, snapshots, memory (docs/benchmarks.md).
    Engine {
        /// Leave out the sizes that take minutes.
        #[arg(long)]
        short: bool,
    },
    /// A pair of lock and unlock in a guest: no tracer, empty programs, tracer, klockstat, lockdep (docs/benchmarks.md).
    HotPath {
        /// Fail when a goal is missed.
        #[arg(long)]
        check: bool,
        /// Show the figures of the last run, without running.
        #[arg(long)]
        again: bool,
        /// Show the guests' consoles.
        #[arg(short, long)]
        verbose: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Lab {
    /// List the scenarios.
    List,
    /// Run scenarios and judge what they report.
    Run {
        /// Scenarios, as `lab list` names them.
        #[arg(required = true)]
        scenarios: Vec<String>,
        /// Kernel (5.10, 6.1, 6.12, 7.2), or all; the scenario's own list by default.
        #[arg(long)]
        kernel: Option<String>,
        /// Keep the results here instead of target/lab.
        #[arg(long)]
        keep: Option<PathBuf>,
        /// Write what the verifier looked at to lab/verified.toml instead of holding it against that (scenario smoke).
        #[arg(long)]
        record: bool,
        /// Judge the results of the last run again, without running and without what a scenario does on this machine afterwards.
        #[arg(long, conflicts_with = "record")]
        again: bool,
        /// Show the guest's console; the guests then run one after another.
        #[arg(short, long)]
        verbose: bool,
        /// How many guests run at once; as many as processors by default.
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Compare what tracer and lockdep see in one and the same run (builds a kernel the first time: docs/lockdep-agreement.md).
    Lockdep {
        /// Compare the results of the last run again, without running.
        #[arg(long)]
        again: bool,
        /// How the tracer listens: `fentry` or `lockdep`.
        #[arg(long, default_value = "fentry")]
        backend: String,
        /// Show the guest's console.
        #[arg(short, long)]
        verbose: bool,
    },
    /// Boot a kernel and get a shell in it.
    Shell {
        /// Kernel (5.10, 6.1, 6.12, 7.2).
        #[arg(long, default_value = "6.12")]
        kernel: String,
    },
}

impl Cli {
    /// Does what was asked. False when something was tried and failed.
    pub fn run(self) -> Result<bool> {
        match self.command {
            Task::Demo => demo::run(),
            Task::Test { long, jobs } => test::run(long, jobs),
            Task::Build { release: _ } => build::tracer().map(|_| true),
            Task::Run { args } => build::run(&args),
            Task::Bench(Bench::Engine { short }) => bench::engine(short),
            Task::Bench(Bench::HotPath { check, again, verbose }) => {
                hot_path::run(hot_path::Options { check, again, verbose })
            }
            Task::Fuzz { targets, seconds } => fuzz::run(&targets, seconds),
            Task::Browser => browser::run(),
            Task::Lab(Lab::List) => lab::list().map(|()| true),
            Task::Lab(Lab::Run {
                scenarios,
                kernel,
                keep,
                record,
                again,
                verbose,
                jobs,
            }) => lab::run(
                &scenarios,
                &lab::Options {
                    kernel: kernel.as_deref(),
                    keep: keep.as_deref(),
                    record,
                    again,
                    verbose,
                    jobs,
                },
            ),
            Task::Lab(Lab::Lockdep {
                again,
                backend,
                verbose,
            }) => lockdep::run(again, &backend, verbose),
            Task::Lab(Lab::Shell { kernel }) => lab::shell(&kernel).map(|()| true),
        }
    }
}
