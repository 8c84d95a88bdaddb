//! `tracer run [-- COMMAND]`: traces the running kernel.

use std::{
    borrow::Cow,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    common::{Format, Output, RuleArgs, Threshold, View, render, unused, write},
    destination::write_with,
    failure::{Failure, Status},
    source::SourceArgs,
    trace_args::{RecordingArgs, TraceArgs},
};
use crate::{
    analysis::{context::Addresses, snapshot::Snapshot},
    private_file::Place,
    report::live::Live,
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
    #[command(flatten)]
    output: Output,
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
    // Before anything is traced: afterwards it would be too late for another form.
    args.output.format.check_destination(args.output.file())?;
    let rules = args.rules.load()?;
    let mut options = args.what.options()?;
    options.rules = rules;
    options.recording = args.record.as_deref().map(|path| args.recording.at(path)).transpose()?;
    if args.raw_addresses {
        options.addresses = Addresses::Raw;
    }
    let mut reports = Reports::open(args)?;
    let outcome = session::run(&options, &mut reports)?;
    if let (Some(recorded), Some(path)) = (&outcome.recorded, &args.record) {
        reports.progress(&format!("{}: {recorded}", path.display()));
    }
    if args.what.verbose > 0 || args.view.allowed {
        for line in unused(&options.rules, &outcome.snapshot) {
            reports.progress(&line);
        }
    }
    if let Some(status) = outcome.command.filter(|status| !status.success()) {
        reports.progress(&format!("the command ended with {status}"));
    }
    if let Some(failure) = reports.no_lines.take() {
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

/// Where the report goes.
struct Reports<'a> {
    args: &'a RunArgs,
    /// Kept up to date.
    files: Vec<(Place, Format)>,
    /// With `--format jsonl`: what was told, and the file that it is told to, or standard output.
    live: Option<(Live, Option<File>)>,
    /// Why the last report has no lines of the source.
    no_lines: Option<Failure>,
}

impl<'a> Reports<'a> {
    /// Makes sure that the files can be written before anything is traced.
    fn open(args: &'a RunArgs) -> Result<Self, Failure> {
        let is_stdout = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        if is_stdout(&args.json) || is_stdout(&args.report) {
            let hint = "for the report on standard output there is --format json or text";
            return Err(Failure::usage("--json and --report need the name of a file, `-` is none").hint(hint));
        }
        args.source.check()?;
        let (format, output) = (args.output.format, args.output.file());
        let is_told = format == Format::Jsonl;
        let wanted = [
            (args.json.as_deref(), Format::Json),
            (args.report.as_deref(), Format::Text),
            (output.filter(|_| !is_told), format),
        ];
        let files = wanted
            .into_iter()
            .filter_map(|(path, format)| Some((path?, format)))
            .map(|(path, format)| Ok((Place::new(path).map_err(Failure::usage)?, format)))
            .collect::<Result<_, Failure>>()?;
        let live = if is_told {
            let begin = |path| Place::new(path).and_then(|place| place.begin());
            let file = output.map(begin).transpose().map_err(Failure::usage)?;
            Some((Live::default(), file))
        } else {
            None
        };
        Ok(Self {
            args,
            files,
            live,
            no_lines: None,
        })
    }

    /// Whether it is told what is seen while it is seen. Pseudonyms are given when all is known.
    fn is_live(&self) -> bool {
        self.live.is_some() && !self.args.view.redact
    }

    fn tell(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), Failure> {
        let Some((live, file)) = &mut self.live else {
            return Ok(());
        };
        let document = self.args.view.document(snapshot);
        match file {
            Some(file) => {
                let told = live.write(&document, last, BufWriter::new(file));
                told.map_err(|error| Failure::usage(format!("--output: {error}")))
            }
            None => write_with(None, |out| live.write(&document, last, out)),
        }
    }

    fn show(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String> {
        let text = |failure: Failure| failure.to_string();
        let (view, threshold, format) = (&self.args.view, &self.args.threshold, self.args.output.format);
        for (file, format) in &self.files {
            let report = render(snapshot, *format, view, threshold, true).map_err(text)?;
            let replaced = file.replace(|file| file.write_all(&report));
            replaced.map_err(|error| error.to_string())?;
        }
        if last || self.is_live() {
            self.tell(snapshot, last).map_err(text)?;
        }
        if last && self.live.is_none() && self.args.output.file().is_none() {
            let report = render(snapshot, format, view, threshold, false);
            report.and_then(|report| write(&report, None)).map_err(text)?;
        }
        Ok(())
    }

    /// The same document with lines of the source, or as it is where there are none to be had.
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

impl Sink for Reports<'_> {
    fn write(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String> {
        if !last || self.args.source.vmlinux.is_empty() {
            return self.show(snapshot, last);
        }
        // Debug files are read now and not before: all privileges that are not needed any more are given up, and what was seen is on disk, whatever a
        // damaged file does to who reads it.
        self.show(snapshot, false)?;
        let filled = self.with_lines(snapshot);
        self.show(&filled, true)
    }

    fn is_growing(&self) -> bool {
        !self.files.is_empty() || self.is_live()
    }

    fn progress(&mut self, line: &str) {
        self.args.what.progress(line);
    }
}
