//! `tracer run [-- COMMAND]`: traces the running kernel.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use tracer_common::scope::Scope;

use super::{
    common::{Format, RuleArgs, Threshold, View, render, unused, write},
    failure::{Failure, Status},
    report_file::ReportFile,
};
use crate::{
    analysis::{context::Addresses, snapshot::Snapshot},
    live,
    selection::{Selection, Wanted},
    session::{self, Options, SessionError, Sink},
};

/// Arguments of `run`.
#[derive(Args, Debug)]
#[command(
    after_help = "The reports are kept up to date while the trace runs: what was seen is on disk when the machine hangs. \
The first Ctrl-C ends the trace and reports, a second one aborts."
)]
pub struct RunArgs {
    /// The command to trace to its end; without one, trace until Ctrl-C
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the JSON report to a file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the text report to a file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Form of the report on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// How to listen to the kernel: fentry, lockdep, kprobe, contention, or auto for the best that it grants
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = live::wanted)]
    backend: live::Wanted,
    /// Which locks are traced: net, all, devlink, or a profile of your own (a file, or a name in /etc/tracer/profiles)
    #[arg(long, value_name = "NAME|FILE", default_value = "net")]
    profile: String,
    /// Trace only the threads of this process
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    /// Trace only tasks of this name
    #[arg(long, value_name = "NAME")]
    comm: Option<String>,
    /// Trace only tasks in this network namespace: a name of `ip netns`, a file, or an inode number
    #[arg(long, value_name = "NETNS")]
    netns: Option<String>,
    /// Trace only locks of this class or name; a `*` at its beginning or end stands for anything. May be given several times
    #[arg(long, value_name = "LOCK")]
    lock: Vec<String>,
    /// Leave out locks of this class or name. May be given several times
    #[arg(long, value_name = "LOCK")]
    exclude: Vec<String>,
    /// How many locks of one call path are told apart: what goes beyond is known by its classes only. 0 tells all of them apart
    #[arg(long, value_name = "NUMBER", default_value_t = Scope::OBJECTS)]
    objects: u64,
    /// Do not read the kernel's code (/proc/kcore), which names locks by the member that is taken and by what they belong to
    #[arg(long)]
    no_read_code: bool,
    /// The default, for command lines from the time when it was not
    #[arg(long, hide = true, overrides_with = "no_read_code")]
    read_code: bool,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    threshold: Threshold,
    /// Show kernel addresses; without this a report does not reveal the kernel's layout
    #[arg(long)]
    raw_addresses: bool,
    /// Exit with the command's status when there is no finding
    #[arg(long)]
    propagate: bool,
    /// Say less on standard error: errors only
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more on standard error: every probe; twice: the eBPF program's debug log, too
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| format!("`{text}` seconds: {error}"))
}

pub(super) fn execute(args: &RunArgs) -> Result<Status, Failure> {
    if args.verbose > 1 {
        let _ = env_logger::Builder::new()
            .filter_level(log::LevelFilter::Debug)
            .try_init();
    }
    let rules = args.rules.load()?;
    let selection = Selection::new(Wanted {
        profile: args.profile.clone(),
        pid: args.pid,
        comm: args.comm.clone(),
        netns: args.netns.clone(),
        lock: args.lock.clone(),
        exclude: args.exclude.clone(),
        objects: (args.objects != Scope::OBJECTS).then_some(args.objects),
    })
    .map_err(Failure::usage)?;
    let mut files = Files::open(args)?;
    let options = Options {
        command: args.command.clone(),
        duration: args.duration,
        addresses: if args.raw_addresses {
            Addresses::Raw
        } else {
            Addresses::Pseudonym
        },
        selection,
        read_code: args.read_code || !args.no_read_code,
        backend: args.backend,
        rules,
        verbose: args.verbose > 0,
        debug: args.verbose > 1,
    };
    let outcome = session::run(&options, &mut files)?;
    if args.verbose > 0 || args.view.allowed {
        for line in unused(&options.rules, &outcome.snapshot) {
            files.progress(&line);
        }
    }
    if let Some(status) = outcome.command.filter(|status| !status.success()) {
        files.progress(&format!("the command ended with {status}"));
    }
    Ok(match args.threshold.status(&outcome.snapshot) {
        Status::Clean if args.propagate => match outcome.snapshot.capture.command_status {
            Some(status) => Status::Command(u8::try_from(status).unwrap_or(u8::MAX)),
            None => Status::Clean,
        },
        status => status,
    })
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Command { .. } | SessionError::Sink(_) => Self::usage(error),
            SessionError::Live(_) | SessionError::System { .. } => Self::unable(error),
        }
    }
}

/// The report files, and standard output at the end.
struct Files<'a> {
    args: &'a RunArgs,
    files: Vec<(ReportFile, Format)>,
}

impl<'a> Files<'a> {
    /// Makes sure that the files can be written before anything is traced.
    fn open(args: &'a RunArgs) -> Result<Self, Failure> {
        let wanted = [(&args.json, Format::Json), (&args.report, Format::Text)];
        let files = wanted
            .into_iter()
            .filter_map(|(path, format)| Some((path.as_ref()?, format)))
            .map(|(path, format)| Ok((ReportFile::create(path).map_err(Failure::usage)?, format)))
            .collect::<Result<_, Failure>>()?;
        Ok(Self { args, files })
    }
}

impl Sink for Files<'_> {
    fn write(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String> {
        let (view, threshold) = (&self.args.view, &self.args.threshold);
        for (file, format) in &mut self.files {
            let text = render(snapshot, *format, view, threshold, true).map_err(|failure| failure.to_string())?;
            file.replace(&text).map_err(|error| error.to_string())?;
        }
        if last {
            let text =
                render(snapshot, self.args.format, view, threshold, false).map_err(|failure| failure.to_string())?;
            write(&text, None).map_err(|failure| failure.to_string())?;
        }
        Ok(())
    }

    fn progress(&mut self, line: &str) {
        if !self.args.quiet {
            eprintln!("tracer: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert!(seconds("-1").is_err());
        assert!(seconds("1h").is_err_and(|error| error.contains("`1h`")));
    }
}
