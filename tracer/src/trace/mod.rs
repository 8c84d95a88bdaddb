//! A trace from its inputs: pure, so that a recording replays to the very report of the live session.
//!
//! A live session gets [`Input`]s from the kernel, a recording keeps them; both hand them to a [`Trace`] one by one. What should go back to a live
//! kernel comes out of each as [`Feedback`].

pub mod input;
pub mod setup;

use std::{collections::BTreeMap, time::Duration};

use tracer_common::counter::Counter;

use crate::{
    analysis::{
        context::{Addresses, Context},
        event::{ChainKey, DurationKey, Event, Known, LockKey, Others},
        filter::{Change, Filter},
        model::Model,
        snapshot::Snapshot,
    },
    decode::{
        self, Decoder, Missed, Record,
        kernel::{Answer, Kernel},
    },
    names::symbol::{Symbol, Symbols},
};
use input::{Counted, Input};
use setup::Setup;

/// A trace as far as it was told.
pub struct Trace {
    decoder: Decoder,
    filter: Filter,
    model: Model,
    context: Context,
    counted: Counted,
    /// Records that could not be decoded.
    undecoded: u64,
    /// What a recording lacks, by its name in reports.
    lacking: BTreeMap<&'static str, u64>,
}

/// What a live kernel should be told.
#[derive(Debug, Default)]
pub struct Feedback {
    /// An epoch begins.
    pub epoch: Option<u64>,
    /// Chains to send once more.
    pub asked: Vec<ChainKey>,
    /// Names whose locks are left out, by what they go by in the program.
    pub names_left_out: Vec<u64>,
    /// Locks to leave out, or to take in again.
    pub changes: Vec<Change>,
}

/// What the inputs so far have used of the kernel, for a recording of them.
#[derive(Debug, Default)]
pub struct Noted {
    /// Its symbols.
    pub symbols: Vec<Symbol>,
    /// What else it has told.
    pub answers: Vec<Answer>,
}

impl Trace {
    /// Begins; `kernel` answers what records do not tell.
    ///
    /// # Errors
    /// When a pattern of the setup means nothing.
    pub fn new(setup: &Setup, addresses: Addresses, kernel: Kernel) -> Result<Self, String> {
        Ok(Self {
            decoder: Decoder::new(setup.offsets, setup.functions.clone(), setup.start_ns, kernel),
            filter: Filter::new(&setup.only, &setup.exclude)?,
            model: Model::new(),
            context: Context {
                kernel: setup.kernel.clone(),
                capture: setup.capture.clone(),
                addresses,
                ..Context::default()
            },
            counted: Counted::default(),
            undecoded: 0,
            lacking: BTreeMap::new(),
        })
    }

    /// The kernel's symbols are these from now on.
    pub fn read_symbols(&mut self, symbols: Symbols) {
        symbols.note_again(&self.context.symbols);
        self.context.symbols = symbols;
    }

    /// Takes in one input.
    pub fn take(&mut self, input: &Input<'_>) -> Feedback {
        let mut feedback = Feedback::default();
        match input {
            Input::Record(record) => self.record(record, &mut feedback),
            Input::Answers(answers) => self.decoder.tell(answers.clone()),
            Input::Table(text_end) => self.read_symbols(Symbols::part(*text_end)),
            Input::Symbols(symbols) => self.context.symbols.add_part(symbols),
            Input::Missed(missed) => feedback.epoch = self.decoder.missed(*missed),
            Input::Counted(counted) => self.counted = counted.clone(),
            Input::ChainCounts(counts) => {
                for &(key, count) in counts {
                    self.apply(Event::Count(ChainKey(key), count));
                }
            }
            Input::Others(others) => {
                for &(chain, count) in others {
                    self.others(ChainKey(chain), count);
                }
            }
            Input::Waited(waited) => {
                for &(key, durations) in waited {
                    self.apply(Event::Waited(DurationKey(key), durations));
                }
            }
            Input::HeldFor(held) => {
                for &(lock, durations) in held {
                    self.apply(Event::HeldFor(LockKey(lock), durations));
                }
            }
            Input::Ended(status) => self.context.capture.command_status = *status,
            Input::Lost(inputs) => self.lack("recording_lost", *inputs),
        }
        feedback
    }

    fn record(&mut self, record: &Record<'_>, feedback: &mut Feedback) {
        let mut events = Vec::new();
        if self.decoder.decode(record, &self.context.symbols, &mut events).is_err() {
            self.undecoded += 1;
        }
        for event in events {
            self.apply(event);
        }
        let names = self.decoder.names().into_iter();
        let left_out = names.filter(|(_, class)| self.filter.excludes(class));
        feedback.names_left_out = left_out.map(|(name, _)| name).collect();
        feedback.asked = self.decoder.asked();
        feedback.changes = self.filter.changes();
    }

    fn others(&mut self, chain: ChainKey, count: u64) {
        let is_whole = !self.decoder.is_half_told(chain);
        let known = if is_whole { Known::ByClass } else { Known::Nothing };
        self.apply(Event::Others(Others { chain, count, known }));
    }

    fn apply(&mut self, event: Event) {
        if let Some(event) = self.filter.pass(event) {
            self.model.apply(event);
        }
    }

    /// What an input tells that says how many releases were missed, and whether that is settled.
    pub fn missed(&self, releases: u64, is_settled: bool) -> Missed {
        Missed {
            releases,
            is_settled,
            epochs: self.decoder.epochs(),
        }
    }

    /// Whether holds are believed when so many releases were missed.
    pub fn believes_with(&self, releases: u64) -> bool {
        self.decoder.believes_with(releases)
    }

    /// What was used since this was last asked.
    pub fn noted(&mut self) -> Noted {
        Noted {
            symbols: self.context.symbols.noted(),
            answers: self.decoder.noted(),
        }
    }

    /// Something that a recording should have is not there.
    pub fn lack(&mut self, counter: &'static str, count: u64) {
        if count > 0 {
            *self.lacking.entry(counter).or_default() += count;
        }
    }

    /// How lock addresses are shown from now on.
    pub fn show_addresses(&mut self, addresses: Addresses) {
        self.context.addresses = addresses;
    }

    /// The report.
    pub fn snapshot(&mut self) -> Snapshot {
        self.count();
        self.model.snapshot(&self.context)
    }

    /// How many circles of tasks wait for each other now.
    pub fn circles(&self) -> usize {
        self.model.circles()
    }

    /// Since when, after the start, each task waits that does.
    pub fn waiting_since(&self) -> impl Iterator<Item = Duration> {
        self.model.waiting_since().map(Duration::from_nanos)
    }

    /// What the report is made of.
    pub fn into_parts(mut self) -> (Model, Context) {
        self.count();
        (self.model, self.context)
    }

    /// Brings what the report says of losses and counts up to date.
    fn count(&mut self) {
        let (mut lost, mut counters) = decode::split_counters(&self.counted.places);
        // What is beyond those that are told is of paths that the program has forgotten.
        if let Some(by_class) = lost.get_mut(Counter::ObjectsByClass.name()) {
            *by_class = by_class.saturating_sub(self.model.stood_for());
        }
        lost.retain(|_, count| *count > 0);
        lost.extend(self.counted.lost.clone());
        let undecoded = (self.undecoded > 0).then_some(("records_not_decoded", self.undecoded));
        let lacking = self.lacking.iter().map(|(name, count)| (*name, *count));
        lost.extend(lacking.chain(undecoded).map(|(name, count)| (name.to_owned(), count)));
        let decoded = self.decoder.counters().iter().filter(|(_, count)| **count > 0);
        counters.extend(decoded.map(|(name, count)| ((*name).to_owned(), *count)));
        let capture = &mut self.context.capture;
        capture.complete = lost.is_empty();
        capture.lost = lost;
        capture.counters = counters;
        let places = self.counted.places.iter();
        capture.places = places
            .filter(|place| place.counter != Counter::Sent.name())
            .cloned()
            .collect();
        capture.duration_ns = Some(self.counted.duration_ns);
    }
}
