//! Where the report of a trace goes: files that are kept up to date, lines that are told while it runs, standard output at its end.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    common::{Format, render, write},
    destination::write_with,
    failure::Failure,
    run::RunArgs,
};
use crate::{analysis::snapshot::Snapshot, private_file::Place, report::live::Live, session::Sink};

/// Where the report goes.
pub(super) struct Reports<'a> {
    args: &'a RunArgs,
    /// Kept up to date.
    files: Vec<(Place, Format)>,
    /// The report at the end is not for standard output: it is looked at.
    pub(super) is_watched: bool,
    /// With `--format jsonl`: what was told, and the file that it is told to, or standard output.
    live: Option<(Live, Option<File>)>,
    /// Why the last report has no lines of the source.
    pub(super) no_lines: Option<Failure>,
}

impl<'a> Reports<'a> {
    /// Makes sure that the files can be written, and those that are read are there, before anything is traced.
    pub(super) fn open(args: &'a RunArgs) -> Result<Self, Failure> {
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
            is_watched: false,
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

    fn write_files(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        for (file, format) in &self.files {
            let report = render(snapshot, *format, &self.args.view, &self.args.threshold, true)?;
            file.replace(|file| file.write_all(&report)).map_err(Failure::usage)?;
        }
        Ok(())
    }

    /// The same document with the lines of the source. The debug files are read here and not before: by now all privileges that are not needed any
    /// more are given up, and the report without lines is on disk, whatever a broken file does to who reads it.
    fn with_lines(&mut self, snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
        let mut filled = Snapshot::clone(snapshot);
        match self.args.source.fill(&mut filled) {
            Ok(()) => Arc::new(filled),
            Err(failure) => {
                self.no_lines = Some(failure);
                Arc::clone(snapshot)
            }
        }
    }

    /// Writes a report to where it goes; as it is shown comes out.
    pub(super) fn take(&mut self, snapshot: &Arc<Snapshot>, last: bool) -> Result<Arc<Snapshot>, Failure> {
        let mut written = self.write_files(snapshot);
        if self.is_live() {
            written = written.and(self.tell(snapshot, false));
        }
        if last {
            return written.and(self.write_last(snapshot));
        }
        written.map(|()| Arc::clone(snapshot))
    }

    fn write_last(&mut self, snapshot: &Arc<Snapshot>) -> Result<Arc<Snapshot>, Failure> {
        let mut shown = Arc::clone(snapshot);
        if !self.args.source.vmlinux.is_empty() {
            shown = self.with_lines(snapshot);
            self.write_files(&shown)?;
        }
        self.tell(&shown, true)?;
        self.print(&shown)?;
        Ok(shown)
    }

    /// To standard output, unless it goes elsewhere.
    fn print(&self, shown: &Snapshot) -> Result<(), Failure> {
        if self.is_watched || self.live.is_some() || self.args.output.file().is_some() {
            return Ok(());
        }
        let (args, format) = (self.args, self.args.output.format);
        write(render(shown, format, &args.view, &args.threshold, false)?, None)
    }
}

impl Sink for Reports<'_> {
    fn write(&mut self, snapshot: &Arc<Snapshot>, last: bool) -> Result<(), String> {
        let taken = self.take(snapshot, last);
        taken.map(drop).map_err(|failure| failure.to_string())
    }

    fn is_growing(&self) -> bool {
        !self.files.is_empty() || self.is_live()
    }

    fn progress(&mut self, line: &str) {
        self.args.what.progress(line);
    }
}
