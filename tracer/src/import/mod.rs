//! Files in, snapshots out. What a file is, its content tells.

mod again;
pub mod json;
mod lines;
mod lock_objects;
pub mod proc_lockdep;
pub mod splat;
pub mod text_trace;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::analysis::context::{Addresses, Classes, Context};
use crate::analysis::model::Model;
use crate::analysis::snapshot::Snapshot;
use crate::analysis::without;
use crate::recording::{self, Replay, frame};

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

    fn line(file: &str, line: u64, message: impl Into<String>, text: &str) -> Self {
        Self {
            line: Some(line),
            text: Some(text.to_string()),
            ..Self::file(file, message)
        }
    }
}

/// What a file was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    TextTrace,
    Json,
    ProcLockdep,
    /// Any text: what is looked for in it are splats of lockdep.
    KernelLog,
    Recording,
}

/// What a file is when it is nothing that can be read.
const NEITHER: &str = "neither a text trace (`THREAD|OP(ARG)|LOCATION`) nor a recording or JSON report of tracer, nor a kernel log with a lockdep splat, \
                       nor /proc/lockdep";

/// What a file has told: events that were taken in, or a report that was made of them elsewhere.
#[derive(Debug)]
pub enum Source {
    /// Events, and what else its report needs to know.
    Events(Box<Model>, Box<Context>),
    /// A finished report.
    Report(Box<Snapshot>),
    /// What a live trace was told.
    Recording(Box<Replay>),
}

impl Source {
    /// What the user should know before the report is believed, a line each.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Recording(replay) => replay.inventory.warnings(),
            _ => Vec::new(),
        }
    }

    /// Shows the addresses of locks as they are, where the file has them.
    pub fn show_addresses(&mut self) {
        if let Self::Recording(replay) = self {
            replay.trace.show_addresses(Addresses::Raw);
        }
    }

    /// The report. A finished one stays as it is unless it is to be judged in another way.
    ///
    /// # Errors
    /// When something is to be left out that is not there.
    pub fn judge(self, lockdep: bool, without: &[String]) -> Result<Snapshot, without::Unknown> {
        let (model, mut context) = match self {
            Self::Report(snapshot) if !lockdep && without.is_empty() => return Ok(*snapshot),
            Self::Report(snapshot) => again::events(&snapshot),
            Self::Events(model, context) => (*model, *context),
            Self::Recording(replay) => replay.trace.into_parts(),
        };
        if lockdep {
            context.classes = Classes::Alone;
        }
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
    let (name, input) = open(path)?;
    load_from(&name, input)
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
        Format::ProcLockdep => proc_lockdep::read(name, input).map(events),
        Format::KernelLog => splat::read(name, input).map(events),
        Format::Json => Ok(Source::Report(Box::new(json::read(name, input)?))),
        Format::Recording => {
            let replay = recording::replay(input).map_err(|error| Error::file(name, error.to_string()))?;
            Ok(Source::Recording(Box::new(replay)))
        }
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
        Source::Recording(mut replay) => replay.trace.snapshot(),
    }
}

/// Opens a file; `-` is standard input.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> Result<(String, Box<dyn BufRead>), Error> {
    if path.as_os_str() == "-" {
        return Ok(("standard input".to_owned(), Box::new(io::stdin().lock())));
    }
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok((name, Box::new(BufReader::new(file)))),
        Err(error) => Err(Error::file(&name, error.to_string())),
    }
}

fn recognise(name: &str, head: &[u8]) -> Result<Format, Error> {
    if head.starts_with(&frame::MAGIC) {
        return Ok(Format::Recording);
    }
    if head.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::file(name, "is empty"));
    }
    let head = String::from_utf8_lossy(head);
    let mut lines = (1u64..).zip(head.lines());
    let Some((number, line)) = lines.find(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) else {
        return Ok(Format::TextTrace);
    };
    if line.trim_start().starts_with('{') {
        return Ok(Format::Json);
    }
    if proc_lockdep::begins_with(line) || head.lines().any(proc_lockdep::is_head) {
        return Ok(Format::ProcLockdep);
    }
    if head
        .lines()
        .any(|line| !line.starts_with('#') && splat::begins_in(line))
    {
        return Ok(Format::KernelLog);
    }
    if head.contains('\0') {
        return Err(Error::line(name, number, NEITHER, line));
    }
    if let Some(other) = other_file_of_lockdep(line) {
        let message = format!("this is {other}, which has no dependencies of classes; /proc/lockdep has them");
        return Err(Error::line(name, number, message, line));
    }
    // A kernel log can have a `|` in its first line, and the first splat behind what was looked at.
    let is_trace = line.find('|').is_some_and(|bar| !splat::has_prefix(line, bar));
    Ok(if is_trace { Format::TextTrace } else { Format::KernelLog })
}

/// Files beside `/proc/lockdep` that begin like this.
fn other_file_of_lockdep(line: &str) -> Option<&'static str> {
    let names = [
        ("all lock chains:", "/proc/lockdep_chains"),
        ("lock-classes:", "/proc/lockdep_stats"),
        ("lock_stat version", "/proc/lock_stat"),
    ];
    let begins = |(begin, _): &&(&str, &str)| line.trim_start().starts_with(begin);
    names.iter().find(begins).map(|&(_, name)| name)
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
        let log = b"=====\nWARNING: possible circular locking dependency detected\n";
        assert!(
            message(log).starts_with("input:2: this splat of lockdep is not whole"),
            "{}",
            message(log)
        );
        assert!(read_from("input", &b"all lock classes:\n"[..]).is_ok());
        assert!(
            message(b"lock-classes:        1024 [max: 8192]\n").starts_with("input:1: this is /proc/lockdep_stats"),
            "{}",
            message(b"lock-classes:        1024 [max: 8192]\n")
        );
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
