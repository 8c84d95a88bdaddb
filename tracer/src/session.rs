//! A live trace: the kernel's records into the model, and the report to disk as it grows.
//!
//! What is on disk is never much older than what was seen: a machine that hangs is power-cycled, and the report has to be there then. While it
//! traces, this process takes no lock that it watches: it reads its ring, writes its files and forks nothing but the command.

mod command;
mod signal;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, io,
    process::ExitStatus,
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use aya::maps::{MapData, RingBuf};
use thiserror::Error;
use tokio::{io::unix::AsyncFd, time::MissedTickBehavior};

use crate::{
    analysis::{
        context::Addresses,
        rules::{self, RuleSet},
        snapshot::{Capture, Probes, Snapshot},
    },
    decode::{
        Record,
        kernel::{Kernel, Reading},
    },
    live::{self, Attached, LiveError, kernel},
    names::{init_site::InitSites, site::Sites, symbol::Symbols},
    private_file::{Place, PrivateFileError},
    recording::{Header, RecordingFile, Writer},
    selection::Selection,
    trace::{
        Feedback, Trace,
        input::{Counted, Input},
        setup::Setup,
    },
};
use command::Command;
use signal::Signals;

/// How often the report on disk is brought up to date when there is something new.
const WRITE_EVERY: Duration = Duration::from_millis(500);
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
    /// Where a recording is kept.
    pub recording: Option<Place>,
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
    fn write(&mut self, snapshot: &Snapshot, last: bool) -> Result<(), String>;
    /// Whether it does anything with a report that is not the last one.
    fn is_growing(&self) -> bool {
        true
    }
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
    let mut tell = |line: &str| sink.progress(line);
    let mut start = live::Start::new(&mut tell);
    start.part("symbols");
    let symbols = kernel::symbols()?;
    // Before anything is hooked: it takes a while, and nobody reads the ring meanwhile.
    let sites = if options.read_code {
        read_code(&symbols, &mut start)
    } else {
        None
    };
    let mut attached = live::attach(
        &symbols,
        &options.selection.scope,
        options.backend,
        if options.debug { aya_log::Level::Debug as u8 } else { 0 },
        &mut start,
    )?;
    let parts = start.parts();
    let system = |what| move |source| SessionError::System { what, source };
    let mut ring = live::watch(attached.ring()?).map_err(system("watching the ring"))?;
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
        sink.progress(&format!("start: {parts}"));
        let probes: Vec<_> = attached.attached().map(|probe| probe.program).collect();
        sink.progress(&format!("attached: {}", probes.join(", ")));
        for (structure, member) in attached.offsets.absent() {
            sink.progress(&format!("absent: {structure}.{member}; what needs it is switched off"));
        }
    }

    let mut session = Session::new(attached, symbols, sites, options)?;
    let mut command = Command::spawn(&options.command)?;
    let mut tick = tokio::time::interval(WRITE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
            _ = tick.tick() => session.tick(sink),
            ready = ring.readable_mut() => {
                let mut ready = ready.map_err(system("reading the ring"))?;
                if session.drain(ready.get_inner_mut()) {
                    ready.clear_ready();
                }
            }
            () = flush(&mut logger) => {}
        }
    };
    signal::restore_default();
    // Whoever else runs on this machine goes on filling the ring.
    session.is_cut_off = !(0..LAST_STRETCHES).any(|_| session.drain(ring.get_mut()));
    session.finish(status, sink)
}

/// Opens what tells locks by the code that takes them; tells why when it cannot be had.
fn read_code(symbols: &Symbols, start: &mut live::Start<'_>) -> Option<Sites> {
    start.part("code");
    let open = || -> Result<Sites, LiveError> {
        let memory = live::Kcore::open()?;
        let init_sites = InitSites::of_kernel(&memory, symbols);
        Ok(Sites::new(
            Rc::new(memory),
            live::types()?,
            Box::new(live::SysBtf),
            init_sites,
        ))
    };
    open()
        .inspect_err(|error| {
            start.tell(&format!(
                "{error}; locks that have no symbol are named by the function that takes them"
            ));
        })
        .ok()
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

/// A running trace and the kernel that tells it.
struct Session<'a> {
    rules: &'a RuleSet,
    attached: Attached,
    trace: Trace,
    recording: Option<Writer<RecordingFile>>,
    /// What the user should hear of it.
    notices: Vec<String>,
    start: Instant,
    /// Something came since the last write.
    is_new: bool,
    written: Instant,
    pause: Duration,
    symbols_unread: u64,
    epochs_lost: u64,
    /// Records that are not decoded yet.
    backlog: VecDeque<Vec<u8>>,
    /// No record has come in since the missed releases were counted.
    counted_misses: bool,
    /// The ring was not empty at the end.
    is_cut_off: bool,
}

/// What is known of a trace that begins.
fn setup(attached: &Attached, options: &Options) -> Result<Setup, LiveError> {
    let selection = &options.selection;
    let missing = attached.missing().iter().filter(|missing| !missing.is_foreign);
    Ok(Setup {
        kernel: kernel::facts(),
        capture: Capture {
            backend: attached.backend.name().to_owned(),
            command: (!options.command.is_empty()).then(|| options.command.clone()),
            selection: Some(selection.to_string()),
            started: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
            probes: Probes {
                attached: attached.attached().map(|probe| probe.program.to_owned()).collect(),
                missing: missing.map(|missing| missing.program.to_owned()).collect(),
            },
            ..Capture::default()
        },
        offsets: attached.offsets,
        functions: attached.functions.clone(),
        start_ns: kernel::monotonic_ns()?,
        only: selection.only.clone(),
        exclude: selection.exclude.clone(),
    })
}

impl<'a> Session<'a> {
    fn new(
        attached: Attached,
        symbols: Symbols,
        sites: Option<Sites>,
        options: &'a Options,
    ) -> Result<Self, SessionError> {
        let setup = setup(&attached, options)?;
        let place = options.recording.as_ref();
        let reading = sites.map(|sites| Box::new(Reading::new(sites, attached.offsets, place.is_some())));
        let kernel = reading.map_or(Kernel::Silent, Kernel::Read);
        let trace = Trace::new(&setup, options.addresses, kernel).map_err(SessionError::Selection)?;
        let begin = |place| RecordingFile::begin(place, &Header::new(&setup));
        let mut session = Self {
            recording: place.map(begin).transpose()?,
            notices: Vec::new(),
            rules: &options.rules,
            attached,
            trace,
            start: Instant::now(),
            is_new: false,
            written: Instant::now(),
            pause: WRITE_EVERY,
            symbols_unread: 0,
            epochs_lost: 0,
            backlog: VecDeque::new(),
            counted_misses: false,
            is_cut_off: false,
        };
        session.read_symbols(symbols);
        Ok(session)
    }

    fn read_symbols(&mut self, symbols: Symbols) {
        match &mut self.recording {
            None => self.trace.read_symbols(symbols),
            Some(recording) => {
                let notice = recording.table(symbols.text_end());
                self.notices.extend(notice.map(|notice| notice.to_string()));
                self.trace.read_symbols(symbols.noting());
            }
        }
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
            self.record(Record::new(&record));
        }
        false
    }

    fn record(&mut self, record: Record<'_>) {
        self.is_new = true;
        if record.announces_symbols() {
            match kernel::symbols() {
                Ok(symbols) => self.read_symbols(symbols),
                Err(_) => self.symbols_unread += 1,
            }
        }
        // Those that the record could be wrong by are among them, for they came before it.
        if !self.counted_misses && record.needs_missed() {
            self.counted_misses = true;
            let missed = self.trace.missed(self.attached.missed_releases());
            self.take(&Input::Missed(missed));
        }
        self.take(&Input::Record(record));
    }

    /// Hands an input to the trace and the recording, and back to the kernel what it should know.
    fn take(&mut self, input: &Input<'_>) {
        let feedback = self.trace.take(input);
        self.tell(feedback);
        if let Some(recording) = &mut self.recording {
            let notice = recording.add(input, self.trace.noted());
            self.notices.extend(notice.map(|notice| notice.to_string()));
        }
    }

    fn tell(&mut self, feedback: Feedback) {
        if let Some(epoch) = feedback.epoch
            && self.attached.begin_epoch(epoch).is_err()
        {
            self.epochs_lost += 1;
        }
        self.attached.forget(&feedback.asked);
        for name in feedback.names_left_out {
            self.attached.leave_name_out(name);
        }
        self.attached.leave_out(&feedback.changes);
    }

    /// Brings what is on disk up to date: the recording first, because a report takes long.
    fn tick(&mut self, sink: &mut dyn Sink) {
        self.flush(sink);
        self.write_if_new(sink);
    }

    fn flush(&mut self, sink: &mut dyn Sink) {
        let notice = self.recording.as_mut().and_then(Writer::flush);
        self.notices.extend(notice.map(|notice| notice.to_string()));
        for notice in self.notices.drain(..) {
            sink.progress(&notice);
        }
    }

    /// Brings the report on disk up to date, unless that was done just now; without one, at least the counts of the recording.
    fn write_if_new(&mut self, sink: &mut dyn Sink) {
        if !self.is_new || self.written.elapsed() < self.pause {
            return;
        }
        let begin = Instant::now();
        if sink.is_growing() {
            let snapshot = self.snapshot();
            if let Err(error) = sink.write(&snapshot, false) {
                sink.progress(&error);
            }
        } else if self.recording.is_some() {
            self.count();
        }
        self.is_new = false;
        self.written = Instant::now();
        self.pause = WRITE_EVERY.max(begin.elapsed() * WRITE_SHARE);
    }

    fn count(&mut self) {
        let counted = self.counted();
        self.take(&Input::Counted(counted));
    }

    fn snapshot(&mut self) -> Snapshot {
        self.count();
        let mut snapshot = self.trace.snapshot();
        rules::apply(&mut snapshot, self.rules);
        snapshot
    }

    /// What the program and the session have counted.
    fn counted(&self) -> Counted {
        let own = [
            ("symbols_not_read", self.symbols_unread),
            ("epochs_not_begun", self.epochs_lost),
            ("ring_not_emptied", u64::from(self.is_cut_off)),
        ];
        let misses = self.attached.misses().into_iter();
        let misses = misses.map(|(program, misses)| (format!("recursion_misses.{program}"), misses));
        let own = own.into_iter().map(|(name, count)| (name.to_owned(), count));
        Counted {
            duration_ns: u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            places: self.attached.counted(),
            lost: misses.chain(own).filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Ends the recording, writes the last report, then detaches: in this order, because detaching waits for the kernel.
    fn finish(mut self, status: Option<ExitStatus>, sink: &mut dyn Sink) -> Result<Outcome, SessionError> {
        let counts = self.attached.chain_counts().collect();
        self.take(&Input::ChainCounts(counts));
        self.take(&Input::Ended(status.map(command::status_number)));
        let snapshot = self.snapshot();
        self.flush(sink);
        let recorded = self.recording.as_ref().map(|recording| Recorded {
            records: recording.records(),
            lost: recording.lost(),
            bytes: recording.length(),
        });
        let written = sink.write(&snapshot, true);
        self.attached.detach(live::DETACH_LIMIT);
        written.map_err(SessionError::Sink)?;
        Ok(Outcome {
            snapshot,
            command: status,
            recorded,
        })
    }
}
