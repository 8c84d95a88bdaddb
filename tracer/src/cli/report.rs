//! `tracer report FILE`: analyses a file and reports what it shows. Needs no privilege and no kernel.

use std::path::PathBuf;

use clap::Args;

use super::common::{Output, RuleArgs, Threshold, View, unused, write};
use super::failure::{Failure, Status};
use super::message::say;
use super::source::SourceArgs;
use crate::analysis::rules;
use crate::analysis::snapshot::Snapshot;
use crate::{import, recording};

/// Arguments of `report`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 when there is no finding at or above --fail-on, 1 when there is, 2 for wrong usage or input, \
4 with --strict."
)]
pub struct ReportArgs {
    /// A recording, a text trace, a JSON report of tracer, a kernel log with lockdep splats, or /proc/lockdep; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    threshold: Threshold,
    /// Judge as lockdep does: a lock is its class, and every circle of classes is an error
    #[arg(long)]
    lockdep: bool,
    /// Judge as if a hold (`lock@function`), a dependency (`A->B`) or a lock were gone; can be given again
    #[arg(long, value_name = "WHAT")]
    without: Vec<String>,
    /// Keep kernel addresses that the file has; without this they are replaced by pseudonyms
    #[arg(long)]
    raw_addresses: bool,
    /// Check every byte of a recording and tell what it holds, instead of reporting what it shows; exits with 2 when it is damaged
    #[arg(long, conflicts_with_all = ["lockdep", "without", "rules", "format", "strict", "vmlinux"])]
    verify: bool,
    /// Look at it on the terminal, with keys and mouse
    #[cfg(feature = "tui")]
    #[arg(long, conflicts_with_all = ["verify", "output", "format"])]
    tui: bool,
    #[cfg(feature = "tui")]
    #[command(flatten)]
    screen: super::tui::TuiArgs,
}

pub(super) fn execute(args: &ReportArgs) -> Result<Status, Failure> {
    if args.verify {
        return verify(args);
    }
    let rules = args.rules.load()?;
    let mut source = import::load(&args.file)?;
    for warning in source.warnings() {
        say(format_args!("{}: {warning}", args.file.display()));
    }
    if args.raw_addresses {
        source.show_addresses();
    }
    let judged = source.judge(args.lockdep, &args.without);
    let mut snapshot = judged.map_err(|error| Failure::usage(format!("--without: {error}")))?;
    rules::apply(&mut snapshot, &rules);
    if !args.raw_addresses {
        hide_addresses(&mut snapshot);
    }
    args.source.fill(&mut snapshot)?;
    #[cfg(feature = "tui")]
    if args.tui {
        let status = args.threshold.status(&snapshot);
        let shown = args.view.document(&snapshot).into_owned();
        super::tui::show(shown, args.screen.setup(&args.view, &args.threshold))?;
        return Ok(status);
    }
    args.output.write(&snapshot, &args.view, &args.threshold)?;
    if args.view.allowed {
        for line in unused(&rules, &snapshot) {
            say(line);
        }
    }
    Ok(args.threshold.status(&snapshot))
}

fn verify(args: &ReportArgs) -> Result<Status, Failure> {
    let (name, input) = import::open(&args.file)?;
    let inventory = recording::verify(input).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    write(inventory.to_string(), args.output.output.as_deref())?;
    for warning in inventory.warnings() {
        say(format_args!("{name}: {warning}"));
    }
    Ok(if inventory.is_whole() {
        Status::Clean
    } else {
        Status::Usage
    })
}

/// Puts a pseudonym in the place of each address.
pub(super) fn hide_addresses(snapshot: &mut Snapshot) {
    for lock in &mut snapshot.locks {
        if let Some(address) = &mut lock.address {
            *address = format!("lock-{}", lock.id);
        }
    }
}
