//! `tracer report FILE`: analyses a file and reports what it shows. Needs no privilege and no kernel.

use std::path::PathBuf;

use clap::Args;

use super::common::{Output, RuleArgs, Threshold, View, unused};
use super::failure::{Failure, Status};
use crate::analysis::rules;
use crate::analysis::snapshot::Snapshot;
use crate::import;

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// A text trace, a JSON report of tracer, a kernel log with lockdep splats, or /proc/lockdep; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    rules: RuleArgs,
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
}

pub(super) fn execute(args: &ReportArgs) -> Result<Status, Failure> {
    let rules = args.rules.load()?;
    let source = import::load(&args.file)?;
    let judged = source.judge(args.lockdep, &args.without);
    let mut snapshot = judged.map_err(|error| Failure::usage(format!("--without: {error}")))?;
    rules::apply(&mut snapshot, &rules);
    if !args.raw_addresses {
        hide_addresses(&mut snapshot);
    }
    args.output.write(&snapshot, &args.view, &args.threshold)?;
    if args.view.allowed {
        for line in unused(&rules, &snapshot) {
            eprintln!("tracer: {line}");
        }
    }
    Ok(args.threshold.status(&snapshot))
}

/// Puts a pseudonym in the place of each address.
pub(super) fn hide_addresses(snapshot: &mut Snapshot) {
    for lock in &mut snapshot.locks {
        if let Some(address) = &mut lock.address {
            *address = format!("lock-{}", lock.id);
        }
    }
}
