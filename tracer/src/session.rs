//! A live trace: the kernel's records into the model, and the report to disk as it grows.
//!
//! What is on disk is never much older than what was seen: a machine that hangs is power-cycled, and the report has to be there then. While it
//! traces, this process takes no lock that it watches: it reads its ring, writes its files and forks nothing but the command.

mod command;
mod output;
mod running;
mod signal;

use std::{
    collections::BTreeSet,
    fmt, io,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use thiserror::Error;
use tokio::{io::unix::AsyncFd, time::MissedTickBehavior};

use crate::{
    analysis::{context::Addresses, rules::RuleSet, snapshot::Snapshot},
    live::{self, Attached, LiveError},
    names::{init_site::Search, later::Later, site::Sites},
    private_file::{Place, PrivateFileError},
    selection::Selection,
};
use command::{Command, Next};
use running::Running;
use signal::Signals;

/// How often the report on disk is brought up to date when there is something new.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// The same, when somebody looks at it.
const SHOW_EVERY: Duration = Duration::from_millis(200);
/// How often the ring is looked into: the program wakes nobody, because that would interrupt what it traces.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often all tasks are looked at, for those that do not get on.
const LOOK_AT_TASKS_EVERY: Duration = Duration::from_millis(200);
/// Stretches at the end: together more records than a full ring holds, however small.
const LAST_STRETCHES: usize = 64;

/// In front of what the command writes, where that is told line by line.
pub const COMMAND_SAYS: &str = "> ";

/// What to trace.
#[derive(Debug)]
pub struct Options {
    /// The command to run and trace to its end; empty: until a signal.
    pub command: Vec<String>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// How lock addresses are shown.
    pub addresses: Addresses,
    /// What is traced.
    pub selection: Selection,
    /// Read the kernel's code to tell locks by the member that is taken.
    pub read_code: bool,
    /// How to listen to the kernel; the best that it grants when there is none.
    pub backend: live::Wanted,
    /// What is checked, and what is allowed.
    pub rules: RuleSet,
    /// Where a recording is kept, and how many bytes it may have.
    pub recording: Option<(Place, u64)>,
    /// Tell every probe and what is switched off.
    pub verbose: bool,
    /// Pass the program's debug log on.
    pub debug: bool,
}

/// Why a trace did not come about or ended early.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The kernel does not let itself be traced.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The command does not start.
    #[error("{command}: {source}")]
    Command {
        /// Its first word.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// The runtime fails.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A pattern of the selection means nothing.
    #[error("{0}")]
    Selection(String),
    /// The recording cannot begin.
    #[error(transparent)]
    Recording(#[from] PrivateFileError),
    /// A report file cannot be written.
    #[error("{0}")]
    Sink(String),
}

/// Where snapshots go while the trace runs.
pub trait Sink {
    /// Takes the state of things. Called with a growing report, and once more with `last` at the end.
    ///
    /// # Errors
    /// What could not be written; the trace goes on, and the error is told at once and once more at the end.
    fn write(&mut self, snapshot: &Arc<Snapshot>, last: bool) -> Result<(), String>;
    /// Whether it does anything with a report that is not the last one.
    fn is_growing(&self) -> bool {
        true
    }
    /// Tells the user how it is going.
    fn progress(&mut self, line: &str);
    /// Whether the terminal is the sink's: what the command writes is then told line by line, and signals are the sink's, too, once the trace is over.
    fn has_terminal(&self) -> bool {
        false
    }
    /// Whether the user wants the trace to end.
    fn is_left(&self) -> bool {
        false
    }
}

/// How a trace ended.
#[derive(Debug)]
pub struct Outcome {
    /// The report.
    pub snapshot: Arc<Snapshot>,
    /// How the command ended; `None` when there was none, or it still runs.
    pub command: Option<ExitStatus>,
    /// The user, or a signal, has ended the trace.
    pub is_stopped: bool,
    /// What was recorded, if that was asked for.
    pub recorded: Option<Recorded>,
}

/// A recording that is done.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Records of the kernel that came in.
    pub records: u64,
    /// Inputs that could not be written.
    pub lost: u64,
    /// Size of the file.
    pub bytes: u64,
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records in {} KiB", self.records, self.bytes.div_ceil(1024))?;
        if self.lost > 0 {
            write!(f, ", {} that could not be written", self.lost)?;
        }
        Ok(())
    }
}

/// Traces until the command ends, the time is over or a signal comes.
///
/// # Errors
/// When it cannot begin. Once it traces, it ends with a report.
pub fn run(options: &Options, sink: &mut dyn Sink) -> Result<Outcome, SessionError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SessionError::System {
            what: "starting the runtime",
            source,
        })?
        .block_on(trace(options, sink))
}

async fn trace(options: &Options, sink: &mut dyn Sink) -> Result<Outcome, SessionError> {
    let mut signals = Signals::new().map_err(|source| SessionError::System {
        what: "catching signals",
        source,
    })?;
    let begin = Instant::now();
    live::keep_memory();
    let mut tell = |line: &str| sink.progress(line);
    let mut start = live::Start::new(&mut tell);
    let code = if options.read_code { open_code(&mut start) } else { None };
    let (sites, then) = match code {
        Some(memory) => {
            let (sites, then) = read_code(memory);
            (Some(sites), then)
        }
        None => (None, live::nothing()),
    };
    let (mut reading, types) = live::read(then, &mut start)?;
    let mut attached = live::attach(
        &mut reading,
        &types,
        &options.selection.scope,
        options.backend,
        if options.debug { aya_log::Level::Debug as u8 } else { 0 },
        &mut start,
    )?;
    let parts = start.parts();
    let system = |what| move |source| SessionError::System { what, source };
    let mut ring = attached.ring()?;
    let logger = if options.debug { attached.logger() } else { None };
    let mut logger = logger
        .map(live::watch)
        .transpose()
        .map_err(system("watching the log"))?;
    live::drop_privileges()?;
    let reading = reading.go_on()?;
    if let Some(reason) = &attached.second_best {
        sink.progress(&format!("second best: {reason}"));
    }
    sink.progress(&attach_line(&attached, begin.elapsed()));
    if options.verbose {
        sink.progress(&format!("start: {parts}"));
        let probes: Vec<_> = attached.attached().map(|probe| probe.program).collect();
        sink.progress(&format!("attached: {}", probes.join(", ")));
        for (structure, member) in attached.offsets.absent() {
            sink.progress(&format!("absent: {structure}.{member}; what needs it is switched off"));
        }
    }

    let every = if sink.has_terminal() { SHOW_EVERY } else { WRITE_EVERY };
    let mut running = Running::new(attached, sites, options, every)?;
    // Who looks sees at once what is traced, although nothing came yet.
    running.is_new = sink.has_terminal();
    let mut command = Command::spawn(&options.command, sink.has_terminal())?;
    // What it does meanwhile waits in the ring.
    running.read_symbols(reading.symbols().inspect_err(|_| command.stop())?);
    live::give_memory_back();
    let mut tick = tokio::time::interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tasks = tokio::time::interval(LOOK_AT_TASKS_EVERY);
    tasks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = tokio::time::sleep(options.duration.unwrap_or(Duration::MAX));
    tokio::pin!(end);
    let (status, is_stopped) = loop {
        // By turns: neither a command that writes without end nor a full ring keeps the rest from being done.
        tokio::select! {
            () = signals.stop() => break (None, true),
            () = &mut end => break (None, false),
            _ = tick.tick() => running.tick(sink),
            _ = look.tick() => {
                if sink.is_left() {
                    break (None, true);
                }
                if !running.drain(&mut ring) {
                    look.reset_immediately();
                }
                running.hurry(sink);
            }
            _ = tasks.tick() => running.look_at_tasks(),
            next = command.next() => match next {
                Next::Ended(status) => break (Some(status), false),
                Next::Wrote(lines) => tell_lines(sink, &lines),
            },
            () = flush(&mut logger) => {}
        }
    };
    if is_stopped {
        command.stop();
    }
    if sink.has_terminal() {
        tell_lines(sink, &command.last().await);
    } else {
        signal::restore_default();
    }
    // Whoever else runs on this machine goes on filling the ring.
    running.is_cut_off = !(0..LAST_STRETCHES).any(|_| running.drain(&mut ring));
    running.finish(status, is_stopped, sink)
}

/// Passes on what the command writes.
fn tell_lines(sink: &mut dyn Sink, lines: &[String]) {
    for line in lines {
        sink.progress(&format!("{COMMAND_SAYS}{line}"));
    }
}

/// Opens what the kernel's code is read from, which takes privileges; tells why when it cannot be had.
fn open_code(start: &mut live::Start<'_>) -> Option<live::Kcore> {
    live::Kcore::open()
        .inspect_err(|error| {
            start.tell(&format!(
                "{error}; locks that have no symbol are named by the function that takes them"
            ));
        })
        .ok()
}

/// What tells locks by the code that takes them; and how types and initialisations are looked up for it, by the thread that reads symbols.
fn read_code(memory: live::Kcore) -> (Sites, live::Then) {
    let memory = Arc::new(memory);
    let (types, types_later) = Later::new();
    let (inits, inits_later) = Later::new();
    let reader = memory.clone();
    let then: live::Then = Box::new(move |symbols| {
        let search = Search::of("", symbols);
        Box::new(move || {
            let begin = Instant::now();
            // Whoever waits for what is not sent goes on without it.
            let _ = live::types().map(|found| types.send(found));
            log::debug!("names: types after {:.2} s", begin.elapsed().as_secs_f64());
            let _ = inits.send(search.sites(&*reader));
            log::debug!("names: initialisations after {:.2} s", begin.elapsed().as_secs_f64());
        })
    });
    (
        Sites::new(memory, types_later, Box::new(live::SysBtf), inits_later),
        then,
    )
}

/// Passes on what the program logs; never ends when it does not log.
async fn flush(logger: &mut Option<AsyncFd<aya_log::EbpfLogger<&'static dyn log::Log>>>) {
    match logger {
        None => std::future::pending().await,
        Some(logger) => {
            if let Ok(mut ready) = logger.readable_mut().await {
                ready.get_inner_mut().flush();
                ready.clear_ready();
            }
        }
    }
}

fn attach_line(attached: &Attached, took: Duration) -> String {
    let count = attached.attached().count();
    let mut line = format!(
        "backend {}: {count} probes attached in {:.1} s",
        attached.backend,
        took.as_secs_f64()
    );
    let missed: Vec<_> = attached
        .missing()
        .iter()
        .filter(|missing| !missing.is_foreign)
        .collect();
    if !missed.is_empty() {
        // A function has up to two probes.
        let missing: BTreeSet<_> = missed
            .iter()
            .map(|missing| format!("{} ({})", missing.function, missing.reason))
            .collect();
        line += &format!(", missing: {}", Vec::from_iter(missing).join(", "));
    }
    line
}
