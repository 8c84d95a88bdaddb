//! What the terminal user interface is given: how it is drawn, and how reports are exported from it.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use clap::{Args, ValueEnum as _};

use super::common::{Format, Threshold, View, render};
use super::failure::Failure;
use crate::analysis::snapshot::Snapshot;
use crate::private_file::Place;
use crate::report::excerpt;
use crate::tui::feed::Feed;
use crate::tui::terminal::{self, Setup};
use crate::tui::theme::Theme;

/// How the TUI is drawn.
#[derive(Args, Clone, Copy, Debug)]
pub struct TuiArgs {
    /// Draw the TUI with nothing but ASCII; so it is where the locale has no UTF-8
    #[arg(long)]
    pub ascii: bool,
}

impl TuiArgs {
    /// What the screen is told at its begin.
    pub(super) fn setup(self, view: &View, threshold: &Threshold) -> Setup {
        let (view, threshold) = (view.clone(), threshold.clone());
        let formats = Format::value_variants();
        let name = |format: &Format| format.to_possible_value().map(|value| value.get_name().to_owned());
        Setup {
            theme: Theme {
                color: view.color.on_stdout(),
                ascii: self.ascii || !is_utf8(|name| std::env::var_os(name)),
            },
            formats: formats.iter().filter_map(name).collect(),
            export: Arc::new(move |snapshot, format, finding| {
                // Where the user stands.
                export(Path::new(""), snapshot, formats[format], finding, &view, &threshold)
            }),
        }
    }
}

/// Whether there is a terminal to draw on and to read keys from.
pub(super) fn is_terminal() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !is_dumb
}

/// Shows a report that is done.
///
/// # Errors
/// When there is no terminal, or it fails.
pub(super) fn show(snapshot: Snapshot, setup: Setup) -> Result<(), Failure> {
    if !is_terminal() {
        let failure = Failure::usage("--tui: standard output is no terminal");
        return Err(failure.hint("without --tui, the report is written as text"));
    }
    let feed = Feed::default();
    feed.show(Arc::new(snapshot));
    feed.end();
    terminal::run(&feed, setup, false).map_err(|error| Failure::usage(format!("the terminal: {error}")))
}

/// The first of these that is set says what the terminal takes: `locale(7)`.
fn is_utf8(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    set.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Writes a report, or one finding of it, to a file in a folder.
fn export(
    folder: &Path,
    snapshot: &Snapshot,
    format: Format,
    finding: Option<u32>,
    view: &View,
    threshold: &Threshold,
) -> Result<String, String> {
    let of = finding.and_then(|id| snapshot.findings.iter().find(|finding| finding.id == id));
    let name = of.map_or("report", |finding| &*finding.fingerprint);
    let path = folder.join(format!("tracer-{name}.{}", format.extension()));
    let (snapshot, view) = match finding {
        // It was asked for, whatever it is.
        Some(id) => {
            let notes = true;
            (&excerpt::only(snapshot, id), View { notes, ..view.clone() })
        }
        None => (snapshot, view.clone()),
    };
    let report = render(snapshot, format, &view, threshold, true).map_err(|failure| failure.to_string())?;
    let place = Place::new(&path).map_err(|error| error.to_string())?;
    let written = place.replace(|file| file.write_all(&report));
    written.map_err(|error| error.to_string())?;
    Ok(format!("written: {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::common::{Color, FailOn};
    use super::*;

    #[test]
    fn the_locale_says_what_the_terminal_takes() {
        for (variables, expected) in [
            (&[][..], true),
            (&[("LANG", "en_US.UTF-8")], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "C")], false),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "POSIX")], false),
            (&[("LANG", "C"), ("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8")], true),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(is_utf8(variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_finding_is_written_in_each_format() {
        let trace =
            "T1|acq(A)|1\nT1|acq(B)|2\nT1|rel(B)|3\nT1|rel(A)|4\nT2|acq(B)|5\nT2|acq(A)|6\nT2|rel(A)|7\nT2|rel(B)|8\n";
        let snapshot = crate::import::read_from("trace", trace.as_bytes()).unwrap();
        let id = snapshot.findings[0].id;
        let folder = tempfile::tempdir().unwrap();
        let view = View {
            notes: false,
            allowed: false,
            all: false,
            redact: false,
            color: Color::Never,
        };
        let threshold = Threshold {
            fail_on: FailOn::Error,
            strict: false,
        };
        let mut written = std::collections::BTreeSet::new();
        for &format in Format::value_variants() {
            let told = export(folder.path(), &snapshot, format, Some(id), &view, &threshold).unwrap();
            let path = told.strip_prefix("written: ").unwrap().to_owned();
            assert!(std::fs::metadata(&path).unwrap().len() > 0, "{path}");
            assert!(written.insert(path), "{format:?} has a name of its own");
        }
        let nowhere = folder.path().join("nowhere");
        let error = export(&nowhere, &snapshot, Format::Text, None, &view, &threshold).unwrap_err();
        assert!(error.contains("tracer-report.txt"), "{error}");
    }
}
