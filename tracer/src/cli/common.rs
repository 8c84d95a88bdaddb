//! What subcommands have in common: how a report is written, and what its findings mean for the exit status.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::failure::{Failure, Status};
use super::pager;
use crate::analysis::rules::{self, RuleSet};
use crate::analysis::snapshot::Snapshot;
use crate::report::style::Style;
use crate::report::{dot, html, json, jsonl, ktap, mail, redact, splat, svg, text};

/// Form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For people and scripts that know lockdep: its own layout
    Splat,
    /// To paste into a mail
    Mail,
    /// For test runners: kselftest, netdev CI (KTAP)
    Ktap,
    /// The graph of the locks, for Graphviz
    Dot,
    /// The dependencies of the findings, drawn
    Svg,
    /// One page with an interactive graph, for a browser
    Html,
    /// For programs
    Json,
    /// For programs, one object a line
    Jsonl,
}

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
        match self {
            Self::Auto => {
                let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                terminal && !no_color && !dumb
            }
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How the report on standard output looks.
#[derive(Args, Clone, Debug)]
pub struct View {
    /// Show findings that cannot deadlock, too
    #[arg(long)]
    pub notes: bool,
    /// List the findings that rule files allow, too
    #[arg(long)]
    pub allowed: bool,
    /// With --format dot: draw all dependencies, not only those of findings
    #[arg(long)]
    pub all: bool,
    /// Hide the names of tasks and network devices, network namespaces and the command
    #[arg(long)]
    pub redact: bool,
    /// Use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
}

impl View {
    /// The document that is shown.
    fn document<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        if self.redact {
            Cow::Owned(redact::redact(snapshot))
        } else {
            Cow::Borrowed(snapshot)
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
}

impl RuleArgs {
    /// The built-in rules, unless they are switched off, and those of all files.
    ///
    /// # Errors
    /// When a file cannot be read, is no rule file, or does not go with the others.
    pub fn load(&self) -> Result<RuleSet, Failure> {
        let mut rules = RuleSet::default();
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

/// A report in any form, for standard output or a file.
///
/// # Errors
/// When the report cannot be made.
pub fn render(
    snapshot: &Snapshot,
    format: Format,
    view: &View,
    threshold: &Threshold,
    to_file: bool,
) -> Result<String, Failure> {
    let snapshot = &*view.document(snapshot);
    match format {
        Format::Text => {
            let color = view.color.on(!to_file && io::stdout().is_terminal());
            Ok(text::render(
                snapshot,
                text::Options {
                    notes: view.notes,
                    allowed: view.allowed,
                    style: Style { color },
                },
            ))
        }
        Format::Ktap => Ok(ktap::render(
            snapshot,
            ktap::Options {
                notes: view.notes,
                fails: &|severity| threshold.reached(severity),
                strict: threshold.strict,
            },
        )),
        Format::Mail => Ok(mail::render(snapshot, view.notes)),
        Format::Dot => Ok(dot::render(snapshot, view.notes, view.all)),
        Format::Svg => Ok(svg::render(snapshot, view.notes)),
        Format::Html => html::render(snapshot).map_err(|error| Failure::usage(format!("HTML report: {error}"))),
        Format::Splat => Ok(splat::render(snapshot, view.notes)),
        Format::Jsonl => {
            let mut out = Vec::new();
            jsonl::write(snapshot, &mut out).map_err(|error| Failure::usage(format!("JSON lines: {error}")))?;
            String::from_utf8(out).map_err(|error| Failure::usage(format!("JSON lines: {error}")))
        }
        Format::Json => json::render(snapshot).map_err(|error| Failure::usage(format!("JSON report: {error}"))),
    }
}

/// Writes a result to a file, or to standard output without one (or with `-`). A reader that has gone away is no error.
///
/// # Errors
/// When the file or standard output cannot be written.
pub fn write(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    write_with(output, |out| out.write_all(text.as_bytes()))
}

/// As [`write`], through a pager when standard output is a terminal.
///
/// # Errors
/// As for [`write`].
pub fn page(text: &str, output: Option<&Path>) -> Result<(), Failure> {
    if output.is_none() && io::stdout().is_terminal() && pager::show(text) {
        return Ok(());
    }
    write(text, output)
}

/// As [`write`], for what is written piece by piece.
fn write_with(output: Option<&Path>, result: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let buffered = |out: &mut dyn Write| {
        let mut out = BufWriter::new(out);
        result(&mut out)?;
        out.flush()
    };
    match output.filter(|path| path.as_os_str() != "-") {
        Some(path) => {
            let written = File::create(path).and_then(|mut file| buffered(&mut file));
            written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
        None => match buffered(&mut io::stdout().lock()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::usage(format!("standard output: {error}")))
            }
            _ => Ok(()),
        },
    }
}

/// Where a result goes.
#[derive(Args, Clone, Debug)]
pub struct Output {
    /// Form of the report
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the report to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl Output {
    /// Writes a report to where it goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, snapshot: &Snapshot, view: &View, threshold: &Threshold) -> Result<(), Failure> {
        let output = self.output.as_deref();
        match self.format {
            Format::Json => write_with(output, |out| json::write(&*view.document(snapshot), out)),
            Format::Jsonl => write_with(output, |out| jsonl::write(&view.document(snapshot), out)),
            Format::Text => page(
                &render(snapshot, Format::Text, view, threshold, output.is_some())?,
                output,
            ),
            format => write(&render(snapshot, format, view, threshold, output.is_some())?, output),
        }
    }
}
