//! Splats of lockdep in kernel log text: "possible circular locking dependency detected" and "possible recursive locking detected".

mod event;
mod line;
mod log;
pub(crate) mod mode;
mod other;
mod parse;
mod path;

use std::collections::BTreeMap;
use std::io::BufRead;

use super::{Error, NEITHER};
use crate::analysis::context::{Addresses, Classes, Context};
use crate::analysis::model::Model;
use crate::analysis::snapshot::{Capture, Kernel};
use event::Importer;
use log::{Log, LogLine};
use parse::Kind;

/// Whether a line, of which a log may have more before and behind, is the first of a splat.
pub(super) fn begins_in(line: &str) -> bool {
    Kind::of(log::message(line).1.trim()).is_some()
}

/// Whether the beginning of a line, of this many bytes, has what is put before the lines of a kernel log.
pub(super) fn has_prefix(line: &str, begin: usize) -> bool {
    let prefix = line.len() - log::message(line).1.len();
    prefix > 0 && prefix <= begin
}

/// Whether a text is a line of a stack as the kernel prints it: `function+0x1c/0x80 [module]`.
pub(crate) fn is_frame(text: &str) -> bool {
    matches!(line::frame(text), line::StackLine::Frame(frame) if frame == text)
}

/// Reads a kernel log with splats in it.
///
/// # Errors
/// When there is none, or one is not whole.
pub fn read(name: &str, input: impl BufRead) -> Result<(Model, Context), Error> {
    let mut model = Model::new();
    let context = fill(name, input, &mut model)?;
    Ok((model, context))
}

/// Tells a new model all splats of a kernel log.
///
/// # Errors
/// As for [`read`].
pub fn fill(name: &str, input: impl BufRead, model: &mut Model) -> Result<Context, Error> {
    let mut log = Log::new(name, input);
    let mut importer = Importer::new(model);
    let mut seen = Seen::default();
    while let Some(line) = log.next()? {
        if let Some(kind) = Kind::of(&line.text) {
            let splat = parse::splat(kind, line, &mut log)?;
            importer.tell(&splat);
            seen.splats += 1;
            seen.skipped += splat.skipped;
            seen.releases.push(splat.release);
        } else if let Some(report) = other::report(&line.text) {
            *seen.others.entry(report).or_default() += 1;
            seen.first_other.get_or_insert((report, line));
        } else if seen.first.is_none() && !line.text.is_empty() {
            seen.first = Some(line);
        }
    }
    importer.finish();
    seen.context(name, &log)
}

/// What a log has.
#[derive(Default)]
struct Seen {
    splats: u64,
    skipped: u64,
    releases: Vec<Option<String>>,
    others: BTreeMap<&'static str, u64>,
    first_other: Option<(&'static str, LogLine)>,
    /// Its first line that says anything.
    first: Option<LogLine>,
}

impl Seen {
    fn context<R: BufRead>(mut self, name: &str, log: &Log<'_, R>) -> Result<Context, Error> {
        if self.splats == 0 {
            return Err(match (&self.first_other, &self.first) {
                (Some((report, line)), _) => log.error(
                    line,
                    format!(
                        "this log has no report on the order of locks; what begins here, \"{report}\", is not read"
                    ),
                ),
                (None, Some(line)) => log.error(line, NEITHER),
                (None, None) => Error::file(name, NEITHER),
            });
        }
        self.releases.dedup();
        let release = if let [release] = &mut self.releases[..] {
            release.take()
        } else {
            None
        };
        let complete = self.others.is_empty();
        let mut counters: BTreeMap<_, _> = self
            .others
            .into_iter()
            .map(|(report, count)| (format!("unread_{}", report.replace(' ', "_")), count))
            .collect();
        counters.insert("splats".to_string(), self.splats);
        if self.skipped > 0 {
            counters.insert("foreign_lines".to_string(), self.skipped);
        }
        Ok(Context {
            kernel: Kernel {
                release,
                ..Kernel::default()
            },
            capture: Capture {
                backend: "lockdep-splat".to_string(),
                complete,
                counters,
                ..Capture::default()
            },
            // Addresses are used to tell locks apart and then forgotten.
            addresses: Addresses::Absent,
            // lockdep reported it by class; that it saw two objects does not make it less of a report.
            classes: Classes::Severe,
            ..Context::default()
        })
    }
}
