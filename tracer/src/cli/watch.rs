//! `tracer run` on a terminal: what is seen is shown while it is seen.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    thread,
};

use super::{common::Format, failure::Failure, message::say, reports::Reports, run::RunArgs, tui::is_terminal};
use crate::{
    analysis::snapshot::Snapshot,
    report::totals::Totals,
    session::{self, Options, Outcome, Sink},
    tui::{feed::Feed, terminal},
};

/// Whether there is a terminal, and standard output is not wanted for something else.
pub(super) fn is_possible(args: &RunArgs) -> bool {
    let is_free = args.output.format == Format::Text || args.output.file().is_some();
    is_free && is_terminal() && io::stdin().is_terminal()
}

/// Traces, and shows it on a thread of its own until the user leaves.
///
/// # Errors
/// As the session has them; or when the terminal fails, which ends the trace with its reports.
pub(super) fn run(args: &RunArgs, options: &Options, reports: &mut Reports<'_>) -> Result<Outcome, Failure> {
    reports.is_watched = true;
    let feed = Feed::default();
    let setup = args.screen.setup(&args.view, &args.threshold);
    let shown = feed.clone();
    let screen = thread::Builder::new()
        .name("tracer-screen".to_owned())
        .spawn(move || terminal::run(&shown, setup, true))
        .map_err(|error| Failure::usage(format!("the screen: {error}")))?;
    let mut watched = Watched {
        reports,
        feed: feed.clone(),
        said: Vec::new(),
    };
    let outcome = session::run(options, &mut watched);
    match &outcome {
        Ok(outcome) if !outcome.is_stopped => feed.end(),
        _ => feed.close(),
    }
    let left = screen.join();
    for line in watched.said {
        watched.reports.progress(&line);
    }
    let outcome = outcome?;
    match left {
        Ok(Ok(())) => {}
        Ok(Err(error)) => say(format_args!("the terminal: {error}")),
        Err(_) => say("the screen has failed; the trace ended with its reports"),
    }
    reports.progress(&Totals::of(&outcome.snapshot).counts());
    Ok(outcome)
}

/// The reports, and the screen.
struct Watched<'r, 'a> {
    reports: &'r mut Reports<'a>,
    feed: Feed,
    /// What the user should still see when the screen is gone: what it says of the begin, and of errors.
    said: Vec<String>,
}

impl Sink for Watched<'_, '_> {
    fn write(&mut self, snapshot: &Arc<Snapshot>, last: bool) -> Result<(), String> {
        self.feed.show(Arc::clone(snapshot));
        let shown = self
            .reports
            .take(snapshot, last)
            .map_err(|failure| failure.to_string())?;
        if !Arc::ptr_eq(&shown, snapshot) {
            self.feed.show(shown);
        }
        Ok(())
    }

    fn progress(&mut self, line: &str) {
        self.feed.tell(line);
        if !line.starts_with(session::COMMAND_SAYS) {
            self.said.push(line.to_owned());
        }
    }

    fn has_terminal(&self) -> bool {
        true
    }

    fn is_left(&self) -> bool {
        self.feed.is_left()
    }
}
