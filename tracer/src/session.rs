//! A live trace: the kernel's records into the model, and the report to disk as it grows.
//!
//! What is on disk is never much older than what was seen: a machine that hangs is power-cycled, and the report has to be there then. While it
//! traces, this process takes no lock that it watches: it reads its ring, writes its files and forks nothing but the command.

mod command;
mod signal;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    process::ExitStatus,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aya::maps::{MapData, RingBuf};
use thiserror::Error;
use tokio::{io::unix::AsyncFd, time::MissedTickBehavior};
use tracer_common::counter::Counter;

use crate::{
    analysis::{
        context::{Addresses, Context},
        event::{ChainKey, Event},
        filter::Filter,
        model::Model,
        rules::{self, RuleSet},
        snapshot::{Capture, Kernel, Probes, Snapshot},
    },
    decode::{self, Decoder},
    live::{self, Attached, LiveError, kernel},
    names::{init_site::Search, later::Later, site::Sites, symbol::Symbols},
    selection::Selection,
};
use command::Command;
use signal::Signals;

/// How often the report on disk is brought up to date when there is something new.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// How often the ring is looked into: the program wakes nobody, because that would interrupt what it traces.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Records taken in at a stretch.
const DRAIN_LIMIT: usize = 8192;
/// And for so long: in between, the report is written.
const DRAIN_TIME: Duration = Duration::from_millis(200);
/// Records that wait here while names are looked for in the kernel's code; the ring keeps what is beyond. A record has up to 5 KiB.
const BACKLOG_LIMIT: usize = 16_384;
/// Stretches at the end: together more records than a full ring holds, however small.
const LAST_STRETCHES: usize = 64;
/// Writing a report takes at most one part in this many of the time, however large it has become.
const WRITE_SHARE: u32 = 2;

/// From here on only symbols tell a trampoline in a stack (`decode/stack.rs`): they are read once more when it has one.
const JUMPS_SINCE: (u16, u16) = (6, 19);

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
    fn write(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String>;
    /// Tells the user how it is going.
    fn progress(&mut self, line: &str);
}

/// How a trace ended.
#[derive(Debug)]
pub struct Outcome {
    /// The report.
    pub snapshot: Snapshot,
    /// How the command ended; `None` when there was none, or it still runs.
    pub command: Option<ExitStatus>,
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
    let symbols = kernel::symbols()?;
    let symbols_took = begin.elapsed();
    let code = if options.read_code { open_code(sink) } else { None };
    // Done long before the hooks are there: what the thread does then would be in the way of what is traced.
    let sites = code.and_then(|memory| read_code(memory, &symbols));
    let mut tell = |line: &str| sink.progress(line);
    let mut start = live::Start::new(&mut tell);
    let mut attached = live::attach(
        &symbols,
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
    let symbols = if kernel::release() >= JUMPS_SINCE {
        kernel::symbols()?
    } else {
        symbols
    };
    if let Some(reason) = &attached.second_best {
        sink.progress(&format!("second best: {reason}"));
    }
    sink.progress(&attach_line(&attached, begin.elapsed()));
    if options.verbose {
        sink.progress(&format!("start: symbols {:.2} s, {parts}", symbols_took.as_secs_f64()));
        let probes: Vec<_> = attached.attached().map(|probe| probe.program).collect();
        sink.progress(&format!("attached: {}", probes.join(", ")));
        for (structure, member) in attached.offsets.absent() {
            sink.progress(&format!("absent: {structure}.{member}; what needs it is switched off"));
        }
    }

    let mut trace = Trace::new(attached, symbols, sites, options)?;
    let mut command = Command::spawn(&options.command)?;
    let mut tick = tokio::time::interval(WRITE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = tokio::time::sleep(options.duration.unwrap_or(Duration::MAX));
    tokio::pin!(end);
    let status = loop {
        tokio::select! {
            biased;
            () = signals.stop() => {
                command.stop();
                break None;
            }
            status = command.wait() => break Some(status),
            () = &mut end => break None,
            _ = tick.tick() => trace.write_if_new(sink),
            _ = look.tick() => {
                if !trace.drain(&mut ring) {
                    look.reset_immediately();
                }
            }
            () = flush(&mut logger) => {}
        }
    };
    signal::restore_default();
    // Whoever else runs on this machine goes on filling the ring.
    trace.is_cut_off = !(0..LAST_STRETCHES).any(|_| trace.drain(&mut ring));
    trace.finish(status, sink)
}

/// Opens what the kernel's code is read from, which takes privileges; tells why when it cannot be had.
fn open_code(sink: &mut dyn Sink) -> Option<live::Kcore> {
    live::Kcore::open()
        .inspect_err(|error| {
            sink.progress(&format!(
                "{error}; locks that have no symbol are named by the function that takes them"
            ));
        })
        .ok()
}

/// What tells locks by the code that takes them. Types and initialisations are looked up on a thread of their own, while programs are loaded.
fn read_code(memory: live::Kcore, symbols: &Symbols) -> Option<Sites> {
    let memory = Arc::new(memory);
    let search = Search::of("", symbols);
    let (types, types_later) = Later::new();
    let (inits, inits_later) = Later::new();
    let reader = memory.clone();
    thread::Builder::new()
        .name("tracer-names".to_owned())
        .spawn(move || {
            let begin = Instant::now();
            // Whoever waits for what is not sent goes on without it.
            let _ = live::types().map(|found| types.send(found));
            log::debug!("names: types after {:.2} s", begin.elapsed().as_secs_f64());
            let _ = inits.send(search.sites(&*reader));
            log::debug!("names: initialisations after {:.2} s", begin.elapsed().as_secs_f64());
        })
        .ok()?;
    Some(Sites::new(memory, types_later, Box::new(live::SysBtf), inits_later))
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

/// The state of a running trace.
struct Trace<'a> {
    rules: &'a RuleSet,
    attached: Attached,
    decoder: Decoder,
    filter: Filter,
    model: Model,
    context: Context,
    start: Instant,
    /// Something came since the last write.
    is_new: bool,
    written: Instant,
    pause: Duration,
    undecoded: u64,
    symbols_unread: u64,
    epochs_lost: u64,
    /// Records that are not decoded yet.
    backlog: VecDeque<Vec<u8>>,
    /// No record has come in since the missed releases were counted.
    counted_misses: bool,
    /// The ring was not empty at the end.
    is_cut_off: bool,
}

impl<'a> Trace<'a> {
    fn new(
        attached: Attached,
        symbols: Symbols,
        sites: Option<Sites>,
        options: &'a Options,
    ) -> Result<Self, LiveError> {
        let capture = Capture {
            backend: attached.backend.name().to_owned(),
            command: (!options.command.is_empty()).then(|| options.command.clone()),
            selection: Some(options.selection.to_string()),
            started: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
            probes: Probes {
                attached: attached.attached().map(|probe| probe.program.to_owned()).collect(),
                missing: attached
                    .missing()
                    .iter()
                    .filter(|missing| !missing.is_foreign)
                    .map(|missing| missing.program.to_owned())
                    .collect(),
            },
            ..Capture::default()
        };
        let kernel: Kernel = kernel::facts();
        let decoder = Decoder::new(
            attached.offsets,
            attached.functions.clone(),
            kernel::monotonic_ns()?,
            sites,
        );
        Ok(Self {
            rules: &options.rules,
            attached,
            decoder,
            filter: options.selection.filter.clone(),
            model: Model::new(),
            context: Context {
                symbols,
                kernel,
                capture,
                addresses: options.addresses,
                ..Context::default()
            },
            start: Instant::now(),
            is_new: false,
            written: Instant::now(),
            pause: WRITE_EVERY,
            undecoded: 0,
            symbols_unread: 0,
            epochs_lost: 0,
            backlog: VecDeque::new(),
            counted_misses: false,
            is_cut_off: false,
        })
    }

    /// Takes in what is in the ring, or as much of it as leaves time for the rest; true when nothing is left. The ring is emptied before each record
    /// is decoded: a new name can take longer than it takes a busy machine to fill it.
    fn drain(&mut self, ring: &mut RingBuf<MapData>) -> bool {
        let begin = Instant::now();
        for _ in 0..DRAIN_LIMIT {
            if begin.elapsed() > DRAIN_TIME {
                return false;
            }
            while self.backlog.len() < BACKLOG_LIMIT
                && let Some(record) = ring.next()
            {
                self.backlog.push_back(record.to_vec());
                self.counted_misses = false;
            }
            let Some(record) = self.backlog.pop_front() else {
                return true;
            };
            self.decode(&record);
        }
        false
    }

    fn decode(&mut self, record: &[u8]) {
        let mut events = Vec::new();
        self.is_new = true;
        if decode::announces_symbols(record) {
            match kernel::symbols() {
                Ok(symbols) => self.context.symbols = symbols,
                Err(_) => self.symbols_unread += 1,
            }
        }
        if !self.counted_misses && decode::needs_missed(record) {
            self.count_misses();
        }
        if self.decoder.decode(record, &self.context.symbols, &mut events).is_err() {
            self.undecoded += 1;
        }
        self.attached.forget(&self.decoder.asked());
        for (name, class) in self.decoder.names() {
            if self.filter.excludes(&class) {
                self.attached.leave_name_out(name);
            }
        }
        for event in events.drain(..).filter_map(|event| self.filter.pass(event)) {
            self.model.apply(event);
        }
        self.attached.leave_out(&self.filter.changes());
    }

    /// Counts the releases that were skipped: those that a record could be wrong by are among them, for they came before it.
    fn count_misses(&mut self) {
        self.counted_misses = true;
        if let Some(epoch) = self.decoder.missed(self.attached.missed_releases())
            && self.attached.begin_epoch(epoch).is_err()
        {
            self.epochs_lost += 1;
        }
    }

    /// Brings the report on disk up to date, unless that was done just now.
    fn write_if_new(&mut self, sink: &mut dyn Sink) {
        if !self.is_new || self.written.elapsed() < self.pause {
            return;
        }
        let begin = Instant::now();
        let snapshot = self.snapshot();
        if let Err(error) = sink.write(&snapshot, false) {
            sink.progress(&error);
        }
        self.is_new = false;
        self.written = Instant::now();
        self.pause = WRITE_EVERY.max(begin.elapsed() * WRITE_SHARE);
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut counted = self.attached.counted();
        let (mut lost, mut counters) = decode::split_counters(&counted);
        let add = |map: &mut BTreeMap<String, u64>, name: &str, count: u64| {
            if count > 0 {
                map.insert(name.to_owned(), count);
            }
        };
        for (program, misses) in self.attached.misses() {
            add(&mut lost, &format!("recursion_misses.{program}"), misses);
        }
        add(&mut lost, "records_not_decoded", self.undecoded);
        add(&mut lost, "symbols_not_read", self.symbols_unread);
        add(&mut lost, "epochs_not_begun", self.epochs_lost);
        add(&mut lost, "ring_not_emptied", u64::from(self.is_cut_off));
        for (name, count) in self.decoder.counters() {
            add(&mut counters, name, *count);
        }
        let capture = &mut self.context.capture;
        capture.complete = lost.is_empty();
        capture.lost = lost;
        capture.counters = counters;
        counted.retain(|place| place.counter != Counter::Sent.name());
        capture.places = counted;
        capture.duration_ns = Some(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let mut snapshot = self.model.snapshot(&self.context);
        rules::apply(&mut snapshot, self.rules);
        snapshot
    }

    /// Writes the last report, then detaches: in this order, because detaching waits for the kernel.
    fn finish(mut self, status: Option<ExitStatus>, sink: &mut dyn Sink) -> Result<Outcome, SessionError> {
        let counts = self.attached.chain_counts();
        for (key, count) in counts {
            if let Some(event) = self.filter.pass(Event::Count(ChainKey(key), count)) {
                self.model.apply(event);
            }
        }
        self.context.capture.command_status = status.map(command::status_number);
        let snapshot = self.snapshot();
        let written = sink.write(&snapshot, true);
        self.attached.detach(live::DETACH_LIMIT);
        written.map_err(SessionError::Sink)?;
        Ok(Outcome {
            snapshot,
            command: status,
        })
    }
}
