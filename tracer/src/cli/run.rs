//! `tracer run [-- COMMAND]`: traces the running kernel.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    common::{Format, RuleArgs, Threshold, View, render, unused, write},
    failure::{Failure, Status},
    source::SourceArgs,
    trace_args::{RecordingArgs, TraceArgs},
};
use crate::{
    analysis::{context::Addresses, snapshot::Snapshot},
    private_file::Place,
    session::{self, Sink},
};

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(
    after_help = "The reports are kept up to date while the trace runs: what was seen is on disk when the machine hangs. \
The first Ctrl-C ends the trace and reports, a second one aborts.\n\n\
Exit status: 0 when there is no finding at or above --fail-on, 1 when there is, 2 for wrong usage, 3 when this machine cannot be traced, \
4 with --strict, that of COMMAND with --propagate."
)]
pub struct RunArgs {
    #[command(flatten)]
    what: TraceArgs,
    /// Write the JSON report to a file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the text report to a file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Keep a recording as well, of which `tracer report FILE` makes the same report on any machine
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    recording: RecordingArgs,
    /// Form of the report on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    threshold: Threshold,
    /// Show kernel addresses; without this a report does not reveal the kernel's layout
    #[arg(long)]
    raw_addresses: bool,
    /// Exit with the command's status when there is no finding
    #[arg(long)]
    propagate: bool,
}

pub(super) fn execute(args: &RunArgs) -> Result<Status, Failure> {
    let rules = args.rules.load()?;
    let mut options = args.what.options()?;
    options.rules = rules;
    options.recording = args.record.as_deref().map(|path| args.recording.at(path)).transpose()?;
    if args.raw_addresses {
        options.addresses = Addresses::Raw;
    }
    let mut files = Files::open(args)?;
    let outcome = session::run(&options, &mut files)?;
    if let (Some(recorded), Some(path)) = (&outcome.recorded, &args.record) {
        files.progress(&format!("{}: {recorded}", path.display()));
    }
    if args.what.verbose > 0 || args.view.allowed {
        for line in unused(&options.rules, &outcome.snapshot) {
            files.progress(&line);
        }
    }
    if let Some(status) = outcome.command.filter(|status| !status.success()) {
        files.progress(&format!("the command ended with {status}"));
    }
    if let Some(failure) = files.no_lines.take() {
        return Err(failure);
    }
    Ok(match args.threshold.status(&outcome.snapshot) {
        Status::Clean if args.propagate => match outcome.snapshot.capture.command_status {
            Some(status) => Status::Command(u8::try_from(status).unwrap_or(u8::MAX)),
            None => Status::Clean,
        },
        status => status,
    })
}

/// The report files, and standard output at the end.
struct Files<'a> {
    args: &'a RunArgs,
    files: Vec<(Place, Format)>,
    /// Why the last report has no lines of the source.
    no_lines: Option<Failure>,
}

impl<'a> Files<'a> {
    /// Makes sure that the files can be written before anything is traced.
    fn open(args: &'a RunArgs) -> Result<Self, Failure> {
        let wanted = [(&args.json, Format::Json), (&args.report, Format::Text)];
        if wanted.iter().any(|(path, _)| path.as_deref() == Some(Path::new("-"))) {
            let hint = "for the report on standard output there is --format json or text";
            return Err(Failure::usage("--json and --report need the name of a file, `-` is none").hint(hint));
        }
        let files = wanted
            .into_iter()
            .filter_map(|(path, format)| Some((path.as_ref()?, format)))
            .map(|(path, format)| Ok((Place::new(path).map_err(Failure::usage)?, format)))
            .collect::<Result<_, Failure>>()?;
        args.source.check()?;
        Ok(Self {
            args,
            files,
            no_lines: None,
        })
    }

    fn write_files(&self, snapshot: &Snapshot) -> Result<(), String> {
        let (view, threshold) = (&self.args.view, &self.args.threshold);
        for (file, format) in &self.files {
            let text = render(snapshot, *format, view, threshold, true).map_err(|failure| failure.to_string())?;
            let replaced = file.replace(|file| file.write_all(text.as_bytes()));
            replaced.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The same document with the lines of the source. The debug files are read here and not before: by now all privileges that are not needed any
    /// more are given up, and the report without lines is on disk, whatever a broken file does to who reads it.
    fn with_lines<'s>(&mut self, snapshot: &'s Snapshot) -> Cow<'s, Snapshot> {
        let mut filled = snapshot.clone();
        match self.args.source.fill(&mut filled) {
            Ok(()) => Cow::Owned(filled),
            Err(failure) => {
                self.no_lines = Some(failure);
                Cow::Borrowed(snapshot)
            }
        }
    }
}

impl Sink for Files<'_> {
    fn write(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String> {
        self.write_files(snapshot)?;
        if !last {
            return Ok(());
        }
        let mut shown = Cow::Borrowed(snapshot);
        if !self.args.source.vmlinux.is_empty() {
            shown = self.with_lines(snapshot);
            self.write_files(&shown)?;
        }
        let (view, threshold) = (&self.args.view, &self.args.threshold);
        let text = render(&shown, self.args.format, view, threshold, false).map_err(|failure| failure.to_string())?;
        write(&text, None).map_err(|failure| failure.to_string())
    }

    fn is_growing(&self) -> bool {
        !self.files.is_empty()
    }

    fn progress(&mut self, line: &str) {
        self.args.what.progress(line);
    }
}
