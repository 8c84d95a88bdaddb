//! `tracer run [-- COMMAND]`: traces the running kernel.

use std::path::PathBuf;

use clap::Args;

use super::{
    common::{Output, RuleArgs, Threshold, View, unused},
    failure::{Failure, Status},
    reports::Reports,
    source::SourceArgs,
    trace_args::{RecordingArgs, TraceArgs},
};
use crate::{
    analysis::context::Addresses,
    session::{self, Sink},
};

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(
    after_help = "The reports are kept up to date while the trace runs: what was seen is on disk when the machine hangs. \
The first Ctrl-C ends the trace and reports, a second one aborts.\n\n\
On a terminal, what is seen is shown while it is seen: `?` tells the keys, `q` ends the trace. What COMMAND writes is in the log then. \
Without that (--no-tui, or when standard output is no terminal) the text report comes at the end.\n\n\
Exit status: 0 when there is no finding at or above --fail-on, 1 when there is, 2 for wrong usage, 3 when this machine cannot be traced, \
4 with --strict, that of COMMAND with --propagate."
)]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) what: TraceArgs,
    /// Write the JSON report to a file as well
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Write the text report to a file as well
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Keep a recording as well, of which `tracer report FILE` makes the same report on any machine
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) view: View,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) threshold: Threshold,
    /// Show kernel addresses; without this a report does not reveal the kernel's layout
    #[arg(long)]
    raw_addresses: bool,
    /// Exit with the command's status when there is no finding
    #[arg(long)]
    propagate: bool,
    /// Do not open the TUI on a terminal
    #[cfg(feature = "tui")]
    #[arg(long)]
    no_tui: bool,
    #[cfg(feature = "tui")]
    #[command(flatten)]
    pub(super) screen: super::tui::TuiArgs,
}

pub(super) fn execute(args: &RunArgs) -> Result<Status, Failure> {
    // Before anything is traced: afterwards it would be too late for another form.
    args.output.check()?;
    let rules = args.rules.load()?;
    let mut options = args.what.options()?;
    options.rules = rules;
    options.recording = args.record.as_deref().map(|path| args.recording.at(path)).transpose()?;
    if args.raw_addresses {
        options.addresses = Addresses::Raw;
    }
    let mut reports = Reports::open(args)?;
    #[cfg(feature = "tui")]
    let outcome = if !args.no_tui && super::watch::is_possible(args) {
        super::watch::run(args, &options, &mut reports)?
    } else {
        session::run(&options, &mut reports)?
    };
    #[cfg(not(feature = "tui"))]
    let outcome = session::run(&options, &mut reports)?;
    if let (Some(recorded), Some(path)) = (&outcome.recorded, &args.record) {
        reports.progress(&format!("{}: {recorded}", path.display()));
    }
    if args.what.verbose > 0 || args.view.allowed {
        for line in unused(&options.rules, &outcome.snapshot) {
            reports.progress(&line);
        }
    }
    if let Some(status) = outcome.command.filter(|status| !status.success()) {
        reports.progress(&format!("the command ended with {status}"));
    }
    let status = match args.threshold.status(&outcome.snapshot) {
        Status::Clean if args.propagate => match outcome.snapshot.capture.command_status {
            Some(status) => Status::Command(u8::try_from(status).unwrap_or(u8::MAX)),
            None => Status::Clean,
        },
        status => status,
    };
    match reports.no_lines.take() {
        Some(failure) if status == Status::Clean => Err(failure),
        // What was found stands.
        Some(failure) => {
            reports.progress(&failure.to_string());
            Ok(status)
        }
        None => Ok(status),
    }
}
