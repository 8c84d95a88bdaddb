//! `tracer list probes|profiles|rules`: what this program has built in.

use clap::{Args, ValueEnum};
use serde::Serialize;
use tracer_common::probe::PROBES;

use super::common;
use super::failure::{Failure, Status};
use crate::analysis::rules::RuleSet;
use crate::report::json;
use crate::report::wrap::wrap;
use crate::selection::Profile;

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Kernel functions and tracepoints that can be hooked; `tracer check` says which are, on this machine
    Probes,
    /// Selections of locks, for `run --profile`
    Profiles,
    /// Orders of locks that are checked
    Rules,
}

/// Arguments of `list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    what: What,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// A probe as it is listed.
#[derive(Serialize)]
struct Row {
    program: &'static str,
    function: &'static str,
    hook: String,
    purpose: String,
    kernels: String,
    prototypes: &'static [&'static str],
}

pub(super) fn execute(args: &ListArgs) -> Result<Status, Failure> {
    let failed = |error: serde_json::Error| Failure::usage(format!("JSON: {error}"));
    let text = match (args.what, args.json) {
        (What::Probes, true) => json::render(&probes()).map_err(failed)?,
        (What::Probes, false) => probes().iter().map(probe).collect(),
        (What::Profiles, true) => json::render(&profiles()?).map_err(failed)?,
        (What::Profiles, false) => {
            let line =
                |(name, profile): &(&str, Profile)| wrap(&format!("{name:<10} "), &" ".repeat(11), &profile.about);
            profiles()?.iter().map(line).collect()
        }
        (What::Rules, true) => json::render(&rules()?.orders().collect::<Vec<_>>()).map_err(failed)?,
        (What::Rules, false) => rules()?
            .orders()
            .map(|rule| {
                let order = format!(
                    "{} before {}: {}",
                    rule.before.join(" or "),
                    rule.after.join(" or "),
                    rule.reason
                );
                let source = wrap("    source: ", "      ", rule.source);
                wrap("", "", rule.name) + &wrap("    ", "      ", &order) + &source
            })
            .collect(),
    };
    common::page(&text, None)?;
    Ok(Status::Clean)
}

fn probes() -> Vec<Row> {
    let row = |probe: &tracer_common::probe::Probe| Row {
        program: probe.program,
        function: probe.function,
        hook: format!("{:?}", probe.hook).to_lowercase(),
        purpose: format!("{:?}", probe.purpose).to_lowercase(),
        kernels: kernels(&format!("{:?}", probe.kernels)),
        prototypes: probe.prototypes,
    };
    PROBES.iter().map(row).collect()
}

/// `Since(6, 12)` as `since 6.12`, `StockBefore(6, 7)` as `stock before 6.7`.
fn kernels(text: &str) -> String {
    let mut out = String::new();
    for letter in text.replace(", ", ".").chars() {
        match letter {
            '(' => out.push(' '),
            ')' => {}
            letter if letter.is_ascii_uppercase() => {
                out.push_str(if out.is_empty() { "" } else { " " });
                out.push(letter.to_ascii_lowercase());
            }
            letter => out.push(letter),
        }
    }
    out
}

fn probe(row: &Row) -> String {
    format!(
        "{:<38} {:<10} {:<10} {}\n",
        row.function, row.hook, row.purpose, row.kernels
    )
}

fn profiles() -> Result<Vec<(&'static str, Profile)>, Failure> {
    Profile::built_in()
        .map(|name| Ok((name, Profile::load(name).map_err(Failure::usage)?)))
        .collect()
}

fn rules() -> Result<RuleSet, Failure> {
    let mut rules = RuleSet::default();
    rules.add_built_in()?;
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_in_words() {
        for (text, expected) in [
            ("Any", "any"),
            ("Since(6, 12)", "since 6.12"),
            ("StockBefore(6, 7)", "stock before 6.7"),
        ] {
            assert_eq!(kernels(text), expected);
        }
    }
}
