//! `tracer diff A B`: what did this patch change? Needs no privilege and no kernel.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::common::{self, Color, FailOn, RuleArgs, Threshold};
use super::failure::{Failure, Status};
use crate::analysis::diff::{self, document::Diff};
use crate::analysis::rules::{self, RuleSet};
use crate::analysis::snapshot::Snapshot;
use crate::import;
use crate::report::style::Style;
use crate::report::{json, text};

/// What makes the exit status 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOnDiff {
    /// A real deadlock that A lacks
    Critical,
    /// Or a possible one
    #[default]
    Error,
    /// Or one that needs a queued writer
    Warning,
    /// Or a cycle that cannot deadlock
    Note,
    /// Nothing
    Never,
    /// An error as above, or a dependency between classes that A lacks
    NewDependency,
}

/// Form of a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Arguments of `diff`.
#[derive(Args, Debug)]
#[command(
    after_help = "Locks are compared by their classes, places by their functions: addresses, tasks, times, names of instances and the \
order of events make no difference.\n\n\
In the text, + is what only B has, - what only A has, ~ what both have and is not the same. \
What is gone was not seen in B: run the same workload for both files.\n\n\
Exit status: 0 when nothing got worse, 1 when something did (see --fail-on), 2 for wrong usage or input, 4 with --strict."
)]
pub struct DiffArgs {
    /// Before the change: any file that `tracer report` reads; `-` is standard input
    a: PathBuf,
    /// After the change: any file that `tracer report` reads; `-` is standard input
    b: PathBuf,
    /// Form of the difference
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the difference to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show findings that cannot deadlock, too
    #[arg(long)]
    notes: bool,
    /// Use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    color: Color,
    #[command(flatten)]
    rules: RuleArgs,
    /// Judge both as lockdep does: a lock is its class, and every circle of classes is an error
    #[arg(long)]
    lockdep: bool,
    /// Exit with 1 when B has a finding at least as severe as this that A lacks, or one that was less severe in A
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    fail_on: FailOnDiff,
    /// Exit with 4 when a file is incomplete and nothing got worse
    #[arg(long)]
    strict: bool,
}

pub(super) fn execute(args: &DiffArgs) -> Result<Status, Failure> {
    let is_stdin = |path: &Path| path.as_os_str() == "-";
    if is_stdin(&args.a) && is_stdin(&args.b) {
        return Err(Failure::usage("only one of the two files can be standard input"));
    }
    let rules = args.rules.load()?;
    let mut diff = diff::diff(&read(args, &args.a, &rules)?, &read(args, &args.b, &rules)?);
    let name = |path: &Path| (!is_stdin(path)).then(|| path.display().to_string());
    (diff.a.file, diff.b.file) = (name(&args.a), name(&args.b));
    let text = render(args, &diff)?;
    match args.format {
        Format::Text => common::page(&text, args.output.as_deref())?,
        Format::Json => common::write(&text, args.output.as_deref())?,
    }
    Ok(status(args, &diff))
}

/// The report of a file, judged as the other one.
fn read(args: &DiffArgs, path: &Path, rules: &RuleSet) -> Result<Snapshot, Failure> {
    let mut snapshot = import::load(path)?.judge(args.lockdep, &[]).map_err(Failure::usage)?;
    rules::apply(&mut snapshot, rules);
    Ok(snapshot)
}

fn render(args: &DiffArgs, diff: &Diff) -> Result<String, Failure> {
    match args.format {
        Format::Text => {
            let color = args.color.on(args.output.is_none() && io::stdout().is_terminal());
            Ok(text::diff::render(diff, args.notes, Style { color }))
        }
        Format::Json => json::render(diff).map_err(|error| Failure::usage(format!("JSON difference: {error}"))),
    }
}

/// What got worse stands whatever was lost, so it goes first.
fn status(args: &DiffArgs, diff: &Diff) -> Status {
    let fail_on = match args.fail_on {
        FailOnDiff::Critical => FailOn::Critical,
        FailOnDiff::Error | FailOnDiff::NewDependency => FailOn::Error,
        FailOnDiff::Warning => FailOn::Warning,
        FailOnDiff::Note => FailOn::Note,
        FailOnDiff::Never => FailOn::Never,
    };
    let threshold = Threshold {
        fail_on,
        strict: args.strict,
    };
    let changes = diff.findings.new.iter().chain(&diff.findings.changed);
    let mut worse = changes.filter_map(|change| change.worse());
    let dependency = args.fail_on == FailOnDiff::NewDependency && !diff.dependencies.new.is_empty();
    if dependency || worse.any(|severity| threshold.reached(severity)) {
        Status::Findings
    } else if args.strict && !diff.is_complete() {
        Status::Incomplete
    } else {
        Status::Clean
    }
}
