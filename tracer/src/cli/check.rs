//! `tracer check`: what can be traced on this machine, and what is missing.

use std::fmt::Write as _;

use clap::Args;

use super::{
    common::write,
    failure::{Failure, Status},
};
use crate::live::{self, Attached, kernel};

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {}

pub(super) fn execute(_: &CheckArgs) -> Result<Status, Failure> {
    let symbols = kernel::symbols().map_err(Failure::unable)?;
    let attached = live::attach(&symbols, 0).map_err(Failure::unable)?;
    write(&table(&attached, symbols.is_empty()), None)?;
    attached.detach(live::DETACH_LIMIT);
    Ok(Status::Clean)
}

/// What is hooked, and what cannot be seen on this kernel.
fn table(attached: &Attached, no_symbols: bool) -> String {
    let facts = kernel::facts();
    let mut text = format!(
        "kernel   {}\nbackend  fentry\n",
        facts.release.as_deref().unwrap_or("unknown")
    );
    if no_symbols {
        text += "symbols  hidden: set kernel.kptr_restrict to 1 or 0 to see names instead of `unknown`\n";
    }
    let mut line = |what: &str, about: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what:<8} {about}");
    };
    for probe in attached.attached() {
        line(
            "hooked",
            &format!("{:<42} {:?}", probe.function, probe.hook).to_lowercase(),
        );
    }
    for missing in attached.missing() {
        line("missing", &format!("{:<42} {}", missing.function, missing.reason));
    }
    for (structure, member) in attached.offsets.absent() {
        line(
            "absent",
            &format!("member {member} of struct {structure}: what needs it is switched off"),
        );
    }
    text
}
