//! The command line.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::lab;

/// Builds, runs, tests and demonstrates tracer.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Boot stock kernels and run scenarios in them.
    #[command(subcommand)]
    Lab(Lab),
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
            Task::Lab(Lab::List) => lab::list().map(|()| true),
            Task::Lab(Lab::Run {
                scenarios,
                kernel,
                keep,
                verbose,
            }) => lab::run(
                &scenarios,
                &lab::Options {
                    kernel: kernel.as_deref(),
                    keep: keep.as_deref(),
                    verbose,
                },
            ),
            Task::Lab(Lab::Shell { kernel }) => lab::shell(&kernel).map(|()| true),
        }
    }
}
