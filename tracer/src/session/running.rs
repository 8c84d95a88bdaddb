//! A trace that runs: inputs from the kernel to the trace and the recording, and back to the kernel what it should know.

use std::{
    collections::{BTreeMap, VecDeque},
    process::ExitStatus,
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aya::maps::{MapData, RingBuf};

use super::{Options, Outcome, Recorded, SessionError, Sink, command};
use crate::{
    analysis::{
        event::Durations,
        rules,
        snapshot::{Capture, Probes, Snapshot},
    },
    decode::{
        Record,
        kernel::{Kernel, Reading},
    },
    live::{Attached, LiveError, kernel},
    names::{site::Sites, symbol::Symbols},
    recording::{Header, Notice, RecordingFile, Writer},
    trace::{
        Feedback, Trace,
        input::{Counted, Input},
        setup::Setup,
    },
};

/// How often a recording gets what was counted: each time takes some KiB of it.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// How often those that stand for others are asked for, and how long locks were waited for and held: it takes a call of the kernel for each of them.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Records taken in at a stretch.
const DRAIN_LIMIT: usize = 8192;
/// And for so long: in between, the report is written.
const DRAIN_TIME: Duration = Duration::from_millis(200);
/// Records that wait here while names are looked for in the kernel's code; the ring keeps what is beyond. A record has up to 5 KiB.
const BACKLOG_LIMIT: usize = 16_384;
/// A stand-in has done its work after this time, unless its task was preempted before.
const STANDS_IN_WITHIN: Duration = Duration::from_millis(10);
/// Writing a report takes at most one part in this many of the time, however large it has become.
const WRITE_SHARE: u32 = 2;

/// A running trace and the kernel that tells it.
pub(super) struct Running<'a> {
    options: &'a Options,
    attached: Attached,
    trace: Trace,
    recording: Option<Writer<RecordingFile>>,
    /// What the user should hear of it.
    notices: Vec<String>,
    /// When it last got what was counted.
    counts_recorded: Option<Instant>,
    /// Chains that stand for others, as they were told last, and when that was.
    others: BTreeMap<u64, u64>,
    others_told: Option<Instant>,
    /// How long locks were waited for and held, likewise.
    waited: BTreeMap<u64, Durations>,
    held_for: BTreeMap<u64, Durations>,
    durations_told: Instant,
    start: Instant,
    /// Something came since the last write.
    pub(super) is_new: bool,
    /// A task was told that waits since circles were last looked for.
    waits_came: bool,
    /// Circles of tasks that wait for each other, when they were last looked for.
    circles: usize,
    /// A deadlock came since the last write.
    is_urgent: bool,
    /// Waits that were long before this time, since the start, have made the report new.
    hangs_seen: Duration,
    /// When the last write was done.
    written: Option<Instant>,
    /// At most so often is anything written.
    every: Duration,
    /// How long the last write took.
    write_took: Duration,
    /// When the symbols were last read for a module, in ns.
    symbols_read_ns: u64,
    symbols_unread: u64,
    epochs_lost: u64,
    tasks_not_looked_at: u64,
    /// Records that are not decoded yet.
    backlog: VecDeque<Vec<u8>>,
    /// No record has come in since the missed releases were counted.
    counted_misses: bool,
    /// How many there were, and whether that was settled.
    missed: (u64, bool),
    /// The ring was not empty at the end.
    pub(super) is_cut_off: bool,
}

/// What is new in `now` against what was told before, for an input; it counts as told from here on.
fn news<T: Copy + PartialEq>(told: &mut BTreeMap<u64, T>, mut now: BTreeMap<u64, T>) -> Vec<(u64, T)> {
    now.retain(|key, value| told.get(key) != Some(value));
    let news = now.iter().map(|(&key, &value)| (key, value)).collect();
    told.append(&mut now);
    news
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

impl<'a> Running<'a> {
    pub(super) fn new(
        attached: Attached,
        sites: Option<Sites>,
        options: &'a Options,
        every: Duration,
    ) -> Result<Self, SessionError> {
        let setup = setup(&attached, options)?;
        let recording = options.recording.as_ref();
        let reading = sites.map(|sites| Box::new(Reading::new(sites, attached.offsets, recording.is_some())));
        let kernel = reading.map_or(Kernel::Silent, Kernel::Read);
        let trace = Trace::new(&setup, options.addresses, kernel).map_err(SessionError::Selection)?;
        let begin = |(place, limit): &(_, _)| RecordingFile::begin(place, &Header::new(&setup), *limit);
        Ok(Self {
            recording: recording.map(begin).transpose()?,
            notices: Vec::new(),
            counts_recorded: None,
            others: BTreeMap::new(),
            others_told: None,
            waited: BTreeMap::new(),
            held_for: BTreeMap::new(),
            durations_told: Instant::now(),
            options,
            attached,
            trace,
            start: Instant::now(),
            is_new: false,
            waits_came: false,
            circles: 0,
            is_urgent: false,
            hangs_seen: Duration::ZERO,
            written: None,
            every,
            write_took: Duration::ZERO,
            symbols_read_ns: 0,
            symbols_unread: 0,
            epochs_lost: 0,
            tasks_not_looked_at: 0,
            backlog: VecDeque::new(),
            counted_misses: false,
            missed: (0, true),
            is_cut_off: false,
        })
    }

    /// Takes in the kernel's symbols: before the first record, and again when a module was loaded.
    pub(super) fn read_symbols(&mut self, symbols: Symbols) {
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
    pub(super) fn drain(&mut self, ring: &mut RingBuf<MapData>) -> bool {
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
        if record.announces_symbols(self.symbols_read_ns) {
            // Those of all modules that were loaded until now come with it: their records may lie far back in the ring.
            let now = kernel::monotonic_ns().unwrap_or(0);
            match kernel::symbols() {
                Ok(symbols) => {
                    self.read_symbols(symbols);
                    self.symbols_read_ns = now;
                }
                Err(_) => self.symbols_unread += 1,
            }
        }
        // Those that the record could be wrong by are among them, for they came before it.
        if !self.counted_misses && record.needs_missed() {
            self.counted_misses = true;
            let missed = self.missed_for_certain();
            self.tell_missed(missed);
        }
        self.waits_came |= record.tells_of_a_wait();
        self.take(&Input::Record(record));
    }

    /// Brings what is on disk up to date at once, when a deadlock came.
    pub(super) fn hurry(&mut self, sink: &mut dyn Sink) {
        if std::mem::take(&mut self.waits_came) {
            let circles = self.trace.circles();
            self.is_urgent |= circles > self.circles;
            self.circles = circles;
        }
        if self.is_urgent {
            self.flush(sink);
            self.write_if_new(sink);
        }
    }

    /// How many releases were missed. One that was skipped just now is no more when its stand-in has done it, which takes no time: what a record tells is told once.
    fn missed_for_certain(&mut self) -> (u64, bool) {
        let begin = Instant::now();
        loop {
            let missed = self.attached.missed_releases();
            let (releases, is_settled) = missed;
            if is_settled || self.trace.believes_with(releases) || begin.elapsed() >= STANDS_IN_WITHIN {
                return missed;
            }
            thread::sleep(STANDS_IN_WITHIN / 10);
        }
    }

    /// Has all tasks looked at: what is found comes through the ring.
    pub(super) fn look_at_tasks(&mut self) {
        if self.attached.look_at_tasks().is_err() {
            self.tasks_not_looked_at += 1;
        }
    }

    fn tell_missed(&mut self, missed: (u64, bool)) {
        self.missed = missed;
        let (releases, is_settled) = missed;
        let missed = self.trace.missed(releases, is_settled);
        self.take(&Input::Missed(missed));
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
    pub(super) fn tick(&mut self, sink: &mut dyn Sink) {
        self.watch_missed();
        if self.durations_told.elapsed() >= ASK_EVERY {
            self.tell_durations();
        }
        self.watch_hangs();
        self.flush(sink);
        self.write_if_new(sink);
    }

    /// Begins a new epoch soon after a release was missed, and not only when a record could be wrong by it: what is taken then is believed again.
    fn watch_missed(&mut self) {
        let missed = self.attached.missed_releases();
        if missed != self.missed {
            self.tell_missed(missed);
        }
    }

    /// A wait that goes on becomes a long one without anything that comes: on a machine that hangs, nothing else may.
    fn watch_hangs(&mut self) {
        let Some(after) = self.options.rules.hang_after else {
            return;
        };
        let now = self.start.elapsed();
        let mut long_since = self.trace.waiting_since().map(|since| since.saturating_add(after));
        self.is_new |= long_since.any(|since| since > self.hangs_seen && since <= now);
        self.hangs_seen = now;
    }

    fn flush(&mut self, sink: &mut dyn Sink) {
        let notice = self.recording.as_mut().and_then(Writer::flush);
        self.say(notice, sink);
    }

    fn say(&mut self, notice: Option<Notice>, sink: &mut dyn Sink) {
        self.notices.extend(notice.map(|notice| notice.to_string()));
        for notice in self.notices.drain(..) {
            sink.progress(&notice);
        }
    }

    /// Brings the report on disk up to date, unless that was done just now; without one, at least the counts of the recording.
    fn write_if_new(&mut self, sink: &mut dyn Sink) {
        // What may be the last thing that this machine tells does not wait for its turn.
        let every = if self.is_urgent { Duration::ZERO } else { self.every };
        let pause = every.max(self.write_took * WRITE_SHARE);
        if !self.is_new || self.written.is_some_and(|written| written.elapsed() < pause) {
            return;
        }
        let begin = Instant::now();
        if sink.is_growing() {
            let snapshot = self.growing();
            if let Err(error) = sink.write(&snapshot, false) {
                sink.progress(&error);
            }
        } else if self.are_counts_due() {
            self.count();
            self.tell_others();
        }
        self.is_new = false;
        self.is_urgent = false;
        self.written = Some(Instant::now());
        self.write_took = begin.elapsed();
    }

    /// Whether a recording should get what was counted: so that there is something in it when there will be no end.
    fn are_counts_due(&self) -> bool {
        let recorded = self.counts_recorded;
        self.recording.is_some() && recorded.is_none_or(|recorded| recorded.elapsed() >= COUNT_EVERY)
    }

    /// Takes in what was counted, for the recording, too.
    fn count(&mut self) {
        let counted = self.counted();
        self.take(&Input::Counted(counted));
        self.counts_recorded = Some(Instant::now());
    }

    /// What is known by now, with what was counted.
    fn growing(&mut self) -> Arc<Snapshot> {
        if self.are_counts_due() {
            self.count();
        } else {
            let counted = self.counted();
            self.trace.take(&Input::Counted(counted));
        }
        if self.others_told.is_none_or(|told| told.elapsed() >= ASK_EVERY) {
            self.tell_others();
        }
        self.snapshot()
    }

    fn snapshot(&mut self) -> Arc<Snapshot> {
        let mut snapshot = self.trace.snapshot();
        rules::apply(&mut snapshot, &self.options.rules);
        Arc::new(snapshot)
    }

    /// Tells which chains stand for others, as far as that is new: after what was counted in all, so that nothing of that is missing.
    fn tell_others(&mut self) {
        let others = news(&mut self.others, self.attached.others());
        if !others.is_empty() {
            self.take(&Input::Others(others));
        }
        self.others_told = Some(Instant::now());
    }

    /// Tells how long locks were waited for and held, as far as that is new.
    fn tell_durations(&mut self) {
        let [waited, held_for] = self.attached.durations();
        let waited = news(&mut self.waited, waited);
        let held_for = news(&mut self.held_for, held_for);
        self.is_new |= !waited.is_empty() || !held_for.is_empty();
        if !waited.is_empty() {
            self.take(&Input::Waited(waited));
        }
        if !held_for.is_empty() {
            self.take(&Input::HeldFor(held_for));
        }
        self.durations_told = Instant::now();
    }

    /// What the program and the session have counted.
    fn counted(&self) -> Counted {
        let own = [
            ("symbols_not_read", self.symbols_unread),
            ("epochs_not_begun", self.epochs_lost),
            ("tasks_not_looked_at", self.tasks_not_looked_at),
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

    /// Ends the recording, writes the last report, then detaches.
    pub(super) fn finish(
        mut self,
        status: Option<ExitStatus>,
        is_stopped: bool,
        sink: &mut dyn Sink,
    ) -> Result<Outcome, SessionError> {
        // First, because all is over by now: the kernel runs no program for many functions on a CPU while it reads a map for us there (`bpf_disable_instrumentation()`,
        // include/linux/bpf.h), and there is much to read.
        self.count();
        let counts = self.attached.chain_counts().into_iter().collect();
        self.take(&Input::ChainCounts(counts));
        self.take(&Input::Ended(status.map(command::status_number)));
        self.tell_durations();
        self.tell_others();
        let snapshot = self.snapshot();
        let notice = self.recording.as_mut().and_then(Writer::finish);
        self.say(notice, sink);
        // Closed before detaching, which leaves everything that is open to a process of its own.
        let recorded = self.recording.take().map(|recording| Recorded {
            records: recording.records(),
            lost: recording.lost(),
            bytes: recording.length(),
        });
        let written = sink.write(&snapshot, true);
        self.attached.detach();
        written.map_err(SessionError::Sink)?;
        Ok(Outcome {
            snapshot,
            command: status,
            is_stopped,
            recorded,
        })
    }
}
