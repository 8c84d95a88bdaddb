//! Files in, snapshots out. What a file is, its content tells.

mod again;
pub mod json;
pub mod text_trace;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::analysis::context::Context;
use crate::analysis::model::Model;
use crate::analysis::snapshot::Snapshot;
use crate::analysis::without;

/// How much is looked at to tell what a file is.
const HEAD: u64 = 64 * 1024;

/// How much of a bad line an error shows.
const SHOWN: usize = 200;

/// Why a file could not be read: which file, where in it, and what stands there.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    /// The file as the user named it; `standard input` for `-`.
    pub file: String,
    /// Line number from 1, where the error is in a line.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// The line itself.
    pub text: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)?;
        if let Some(text) = &self.text {
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { "..." } else { "" };
            write!(f, ": `{}{more}`", shown.escape_debug())?;
        }
        Ok(())
    }
}

impl Error {
    fn file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_string(),
            line: None,
            message: message.into(),
            text: None,
        }
    }
}

/// What a file was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    TextTrace,
    Json,
}

/// What a file has told: events that were taken in, or a report that was made of them elsewhere.
#[derive(Debug)]
pub enum Source {
    /// Events, and what else its report needs to know.
    Events(Box<Model>, Box<Context>),
    /// A finished report.
    Report(Box<Snapshot>),
}

impl Source {
    /// The report. A finished one stays as it is unless it is to be judged in another way.
    ///
    /// # Errors
    /// When something is to be left out that is not there.
    pub fn judge(self, lockdep: bool, without: &[String]) -> Result<Snapshot, without::Unknown> {
        let (model, mut context) = match self {
            Self::Report(snapshot) if !lockdep && without.is_empty() => return Ok(*snapshot),
            Self::Report(snapshot) => again::events(&snapshot),
            Self::Events(model, context) => (*model, *context),
        };
        context.lockdep |= lockdep;
        let resolved = without.iter().map(|text| model.without(&context, text));
        context.without = resolved.collect::<Result<_, _>>()?;
        Ok(model.snapshot(&context))
    }
}

/// Reads a file of any known format; `-` is standard input.
///
/// # Errors
/// When the file cannot be read, is of no known format, or breaks the rules of its format.
pub fn load(path: &Path) -> Result<Source, Error> {
    if path.as_os_str() == "-" {
        return load_from("standard input", io::stdin().lock());
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Error::file(&name, error.to_string()))?;
    load_from(&name, BufReader::new(file))
}

/// Reads from anywhere; errors call it by this name.
///
/// # Errors
/// As for [`load`].
pub fn load_from(name: &str, mut input: impl BufRead) -> Result<Source, Error> {
    let mut head = Vec::new();
    (&mut input)
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| Error::file(name, error.to_string()))?;
    let format = recognise(name, &head)?;
    let input = Cursor::new(head).chain(input);
    let events = |(model, context)| Source::Events(Box::new(model), Box::new(context));
    match format {
        Format::TextTrace => text_trace::read(name, input).map(events),
        Format::Json => Ok(Source::Report(Box::new(json::read(name, input)?))),
    }
}

/// The report of a file.
///
/// # Errors
/// As for [`load`].
pub fn read(path: &Path) -> Result<Snapshot, Error> {
    load(path).map(plain)
}

/// The report of anything; errors call it by this name.
///
/// # Errors
/// As for [`load`].
pub fn read_from(name: &str, input: impl BufRead) -> Result<Snapshot, Error> {
    load_from(name, input).map(plain)
}

fn plain(source: Source) -> Snapshot {
    match source {
        Source::Events(model, context) => model.snapshot(&context),
        Source::Report(snapshot) => *snapshot,
    }
}

fn recognise(name: &str, head: &[u8]) -> Result<Format, Error> {
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::file(name, "is empty"));
    }
    let head = String::from_utf8_lossy(head);
    let mut lines = (1u64..).zip(head.lines());
    let first = lines.find(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    match first {
        None => Ok(Format::TextTrace),
        Some((_, line)) if line.trim_start().starts_with('{') => Ok(Format::Json),
        Some((_, line)) if line.contains('|') && !line.contains('\0') => Ok(Format::TextTrace),
        Some((number, line)) => Err(Error {
            file: name.to_string(),
            line: Some(number),
            message: unknown(&head).to_string(),
            text: Some(line.to_string()),
        }),
    }
}

fn unknown(head: &str) -> &'static str {
    if head.contains("possible circular locking dependency") || head.contains("possible recursive locking") {
        return "this looks like a lockdep splat, which this version cannot read yet";
    }
    if head.contains("all lock classes:") || head.contains("lock-classes:") {
        return "this looks like /proc/lockdep text, which this version cannot read yet";
    }
    "neither a text trace (`THREAD|OP(ARG)|LOCATION`) nor a JSON report of tracer"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(input: &[u8]) -> String {
        read_from("input", input).expect_err("must be refused").to_string()
    }

    #[test]
    fn formats_are_recognised_by_content() {
        assert!(read_from("input", &b"\n# a comment\nT1|acq(A)|1\n"[..]).is_ok());
        assert!(read_from("input", &b"# nothing but a comment\n"[..]).is_ok());
        assert_eq!(message(b""), "input: is empty");
        assert_eq!(message(b" \n\n"), "input: is empty");
        assert!(
            message(b"hello\n").starts_with("input:1: neither a text trace"),
            "{}",
            message(b"hello\n")
        );
        assert!(
            message(b"\x7fELF\0\0|").starts_with("input:1: neither"),
            "{}",
            message(b"\x7fELF\0\0|")
        );
        assert!(message(b"=====\nWARNING: possible circular locking dependency detected\n").contains("lockdep splat"));
        assert!(
            message(b"{\"a\": 1}").contains("no report of tracer"),
            "{}",
            message(b"{\"a\": 1}")
        );
    }

    #[test]
    fn what_is_shown_of_a_bad_line_is_short_and_harmless() {
        let long = format!("T1|acq(\x1b[31m{}", "x".repeat(1000));
        let message = message(long.as_bytes());
        assert!(message.len() < 400 && !message.contains('\x1b'), "{message}");
    }
}
