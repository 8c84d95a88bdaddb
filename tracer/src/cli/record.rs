//! `tracer record -o FILE [-- COMMAND]`: traces the running kernel into a file, to be reported elsewhere and later.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{
    failure::{Failure, Status},
    trace_args::{RecordingArgs, TraceArgs},
};
use crate::{
    analysis::snapshot::Snapshot,
    session::{self, Sink},
};

/// Arguments of `record`.
#[derive(Args, Debug)]
#[command(
    after_help = "The recording is written while the trace runs: what was seen is on disk when the machine hangs. \
`tracer report FILE` needs no privilege, and makes the same report on any machine. \
The file is for its owner alone: unlike a report, it has addresses of this kernel in it. \
The first Ctrl-C ends the recording, a second one aborts."
)]
pub struct RecordArgs {
    /// The recording; what is there is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    recording: RecordingArgs,
    #[command(flatten)]
    what: TraceArgs,
}

pub(super) fn execute(args: &RecordArgs) -> Result<Status, Failure> {
    let mut options = args.what.options()?;
    options.recording = Some(args.recording.at(&args.output)?);
    let mut user = User(args);
    let outcome = session::run(&options, &mut user)?;
    if let Some(status) = outcome.command.filter(|status| !status.success()) {
        user.progress(&format!("the command ended with {status}"));
    }
    if let Some(recorded) = &outcome.recorded {
        let capture = &outcome.snapshot.capture;
        let file = args.output.display();
        user.progress(&format!(
            "{file}: {recorded}{}; `tracer report {file}` tells what they show",
            if capture.complete { "" } else { ", capture incomplete" },
        ));
    }
    Ok(Status::Clean)
}

/// The user, who sees how it goes, and no report.
struct User<'a>(&'a RecordArgs);

impl Sink for User<'_> {
    fn write(&mut self, _snapshot: &Arc<Snapshot>, _last: bool) -> Result<(), String> {
        Ok(())
    }

    fn is_growing(&self) -> bool {
        false
    }

    fn progress(&mut self, line: &str) {
        self.0.what.progress(line);
    }
}
