//! What subcommands have in common: colours, rules, and what findings mean for the exit status.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub use super::destination::{page, write};
use super::failure::{Failure, Status};
pub use super::format::{Format, Output, View, render};
use crate::analysis::rules::{self, RuleSet};
use crate::analysis::snapshot::Snapshot;

/// The least severe finding that makes the exit status 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum FailOn {
    /// Real deadlocks
    Critical,
    /// And possible ones
    #[default]
    Error,
    /// And those that need a queued writer
    Warning,
    /// And cycles that cannot deadlock
    Note,
    /// Nothing
    Never,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether to use them on standard output.
    pub fn on_stdout(self) -> bool {
        self.on(io::stdout().is_terminal())
    }

    /// Whether to use them, where the output is a terminal or not.
    pub fn on(self, terminal: bool) -> bool {
        self.on_as(terminal, |name| std::env::var_os(name))
    }

    fn on_as(self, terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        match self {
            Self::Auto => {
                let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = variable("TERM").is_some_and(|term| term == "dumb");
                terminal && !no_color && !dumb
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Which orders of locks are checked, and which findings are known.
#[derive(Args, Clone, Debug)]
pub struct RuleArgs {
    /// Check the order rules of a file and take out the findings it allows; may be given several times. `none` switches the built-in
    /// rules off
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Tell every wait that takes so many seconds (`10`, `2.5s`), although it is on no circle
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub hang_after: Option<Duration>,
}

impl RuleArgs {
    /// The built-in rules, unless they are switched off, and those of all files.
    ///
    /// # Errors
    /// When a file cannot be read, is no rule file, or does not go with the others.
    pub fn load(&self) -> Result<RuleSet, Failure> {
        let mut rules = RuleSet::default();
        rules.hang_after = self.hang_after;
        let is_none = |path: &&PathBuf| path.as_os_str() == "none";
        if !self.rules.iter().any(|path| is_none(&path)) {
            rules.add_built_in()?;
        }
        for path in self.rules.iter().filter(|path| !is_none(path)) {
            rules.add_file(path)?;
        }
        Ok(rules)
    }
}

/// Reads a time: `10`, `2.5`, `10s`.
///
/// # Errors
/// When it is no number of seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds: f64 = number
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}` seconds: {error}"))
}

impl From<rules::RuleError> for Failure {
    fn from(error: rules::RuleError) -> Self {
        let failure = Self::usage(&error);
        failure.hint(error.hint)
    }
}

/// One line for every allow entry that allows nothing: it may be out of date.
pub fn unused(rules: &RuleSet, snapshot: &Snapshot) -> Vec<String> {
    let unused = rules.unused(snapshot);
    unused
        .map(|(name, place)| format!("{place}: allow entry \"{name}\" allows nothing here"))
        .collect()
}

/// What findings mean for the exit status.
#[derive(Args, Clone, Debug)]
pub struct Threshold {
    /// The least severe finding that makes the exit status 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t)]
    pub fail_on: FailOn,
    /// Exit with 4 when something was lost and there is no finding
    #[arg(long)]
    pub strict: bool,
}

impl Threshold {
    /// The exit status for a report. A finding stands whatever was lost, so it goes first.
    pub fn status(&self, snapshot: &Snapshot) -> Status {
        if snapshot.findings.iter().any(|finding| self.reached(&finding.severity)) {
            Status::Findings
        } else if self.strict && !snapshot.capture.complete {
            Status::Incomplete
        } else {
            Status::Clean
        }
    }

    /// Whether a severity is at or above the threshold.
    pub fn reached(&self, severity: &str) -> bool {
        let severity = match severity {
            "critical" => FailOn::Critical,
            "error" => FailOn::Error,
            "warning" => FailOn::Warning,
            _ => FailOn::Note,
        };
        self.fail_on != FailOn::Never && severity <= self.fail_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_they_are_asked_for() {
        let none: &[(&str, &str)] = &[];
        let no_color = &[("NO_COLOR", "1")][..];
        for (color, terminal, variables, expected) in [
            (Color::Auto, true, none, true),
            (Color::Auto, true, &[("TERM", "xterm"), ("NO_COLOR", "")], true),
            (Color::Auto, true, no_color, false),
            (Color::Auto, true, &[("TERM", "dumb")], false),
            (Color::Auto, false, none, false),
            (Color::Always, false, no_color, true),
            (Color::Never, true, none, false),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(color.on_as(terminal, variable), expected, "{color:?} {variables:?}");
        }
    }
}
