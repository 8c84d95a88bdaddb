//! In which form a report is shown, and what of it.

use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::common::{Color, Threshold};
use super::destination::{page, write, write_with};
use super::failure::Failure;
use crate::analysis::snapshot::Snapshot;
use crate::report::style::Style;
use crate::report::{dot, html, json, jsonl, ktap, mail, perfetto, redact, splat, svg, text};

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
    /// A track a task, for Perfetto's UI (binary)
    Perfetto,
    /// For programs
    Json,
    /// For programs, one object a line; `run` tells what is seen while it is seen
    Jsonl,
}

#[cfg(feature = "tui")]
impl Format {
    /// What the names of such files end with.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Splat => "splat.txt",
            Self::Mail => "mail.txt",
            Self::Ktap => "ktap",
            Self::Dot => "dot",
            Self::Svg => "svg",
            Self::Html => "html",
            Self::Perfetto => "perfetto-trace",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
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
    pub(super) fn document<'a>(&self, snapshot: &'a Snapshot) -> Cow<'a, Snapshot> {
        if self.redact {
            Cow::Owned(redact::redact(snapshot))
        } else {
            Cow::Borrowed(snapshot)
        }
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
) -> Result<Vec<u8>, Failure> {
    let snapshot = &*view.document(snapshot);
    let text = match format {
        Format::Text => {
            let color = view.color.on(!to_file && io::stdout().is_terminal());
            text::render(
                snapshot,
                text::Options {
                    notes: view.notes,
                    allowed: view.allowed,
                    style: Style { color },
                },
            )
        }
        Format::Ktap => ktap::render(
            snapshot,
            ktap::Options {
                notes: view.notes,
                fails: &|severity| threshold.reached(severity),
                strict: threshold.strict,
            },
        ),
        Format::Mail => mail::render(snapshot, view.notes),
        Format::Dot => dot::render(snapshot, view.notes, view.all),
        Format::Svg => svg::render(snapshot, view.notes),
        Format::Html => html::render(snapshot).map_err(|error| Failure::usage(format!("HTML report: {error}")))?,
        Format::Splat => splat::render(snapshot, view.notes),
        Format::Jsonl => {
            let mut out = Vec::new();
            jsonl::write(snapshot, &mut out).map_err(|error| Failure::usage(format!("JSON lines: {error}")))?;
            return Ok(out);
        }
        Format::Json => json::render(snapshot).map_err(|error| Failure::usage(format!("JSON report: {error}")))?,
        Format::Perfetto => return Ok(perfetto::render(snapshot, view.notes)),
    };
    Ok(text.into_bytes())
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
    /// The file, unless it is standard output.
    pub(super) fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != "-")
    }

    /// Refuses to write bytes that are no text to a terminal.
    ///
    /// # Errors
    /// When that is where the report would go.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.format == Format::Perfetto && self.file().is_none() && io::stdout().is_terminal() {
            let failure = Failure::usage("--format perfetto is binary and is not written to a terminal");
            return Err(failure.hint("write it to a file: `tracer report --format perfetto -o FILE`, or `> FILE`"));
        }
        Ok(())
    }

    /// Writes a report to where it goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, snapshot: &Snapshot, view: &View, threshold: &Threshold) -> Result<(), Failure> {
        let output = self.file();
        self.check()?;
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
