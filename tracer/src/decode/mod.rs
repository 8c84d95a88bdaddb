//! Records of the ring in, events out: pure, so that what a kernel sent can be decoded on another machine.
//!
//! This is where a hold is believed or not ([`belief`]), and where an address gets the name that people know ([`naming`]).

pub mod belief;
mod blocked;
mod frame;
mod generation;
mod held;
pub mod kernel;
mod label;
pub mod naming;
mod notifier;
mod origin;
mod path;
mod record;
mod stack;
mod stalled;
#[cfg(test)]
pub(crate) mod tests;
mod wait;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use thiserror::Error;
use tracer_common::{
    counter::Counter,
    offset::Offsets,
    probe::{PROBES, Probe},
    wire::{self, Header, Kind, info},
};

use crate::{
    analysis::{
        event::{
            Chain, ChainKey, Event, Frame, Hold, LockKey, Mode, NotifierChange, TaskKey, TaskName, WindowBegin,
            WindowKey,
        },
        snapshot::CountedAt,
    },
    names::{site::Site, symbol::Symbols},
};
use belief::Epochs;
use blocked::Waits;
use generation::Generations;
use kernel::{Answer, Kernel};
use naming::{Naming, Seen};
use record::{Parts, Tail};

pub use held::Missed;
pub use record::Record;

/// A record that cannot be decoded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its kind, or than any record.
    #[error("a record of kind {kind} has {found} bytes instead of {wanted}")]
    Short {
        /// The kind, 0 when not even that could be read.
        kind: u32,
        /// Bytes there.
        found: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// A kind that this version does not know.
    #[error("a record has the unknown kind {0}")]
    Kind(u32),
    /// A probe that this version does not know.
    #[error("a record names probe {0}, which is not in the table")]
    Probe(u32),
}

/// Where a lock was requested.
#[derive(Clone)]
struct Place {
    stack: Arc<[Frame]>,
    site: Option<Site>,
}

/// Decodes the records of one capture, in order.
pub struct Decoder {
    offsets: Offsets,
    /// Address of each probe's function, in the order of the table; 0 when unknown.
    functions: Vec<u64>,
    /// Those that are known, in order.
    entries: Vec<u64>,
    start_ns: u64,
    /// Where each chain was requested: tells where a held lock was taken.
    places: HashMap<u64, Place>,
    kernel: Kernel,
    /// The name a task was last told under.
    tasks: HashMap<TaskKey, TaskName>,
    /// The last task at each address.
    at: HashMap<u64, TaskKey>,
    /// By which number things go that are no locks, by their addresses.
    numbers: HashMap<u64, u64>,
    /// What queues are called.
    queues: HashMap<u64, String>,
    /// The threads that somebody waited for last, by their addresses.
    threads: HashMap<u64, TaskKey>,
    /// Where each completion was waited for last.
    waited_at: HashMap<u64, Frame>,
    naming: Naming,
    generations: Generations,
    epochs: Epochs,
    /// Chains with a hold that was not believed, and how often each was told so.
    unbelieved: HashMap<ChainKey, u32>,
    /// Those that were last told without a hold.
    half_told: HashSet<ChainKey>,
    /// Those of them that should be told once more.
    asked: Vec<ChainKey>,
    waits: Waits,
    counters: BTreeMap<&'static str, u64>,
}

impl Decoder {
    /// `functions` are the addresses of the probes' functions in the order of the table; `start_ns` is `CLOCK_MONOTONIC` at the start.
    /// `kernel` answers what the records do not tell.
    pub fn new(offsets: Offsets, functions: Vec<u64>, start_ns: u64, kernel: Kernel) -> Self {
        let mut entries: Vec<u64> = functions.iter().copied().filter(|&entry| entry != 0).collect();
        entries.sort_unstable();
        Self {
            offsets,
            functions,
            entries,
            start_ns,
            places: HashMap::new(),
            kernel,
            tasks: HashMap::new(),
            at: HashMap::new(),
            numbers: HashMap::new(),
            queues: HashMap::new(),
            threads: HashMap::new(),
            waited_at: HashMap::new(),
            naming: Naming::new(offsets),
            generations: Generations::default(),
            epochs: Epochs::new(),
            unbelieved: HashMap::new(),
            half_told: HashSet::new(),
            asked: Vec::new(),
            waits: Waits::default(),
            counters: BTreeMap::new(),
        }
    }

    /// What was counted while decoding: holds that were not believed, and stacks that could not be walked.
    pub fn counters(&self) -> &BTreeMap<&'static str, u64> {
        &self.counters
    }

    /// What the kernel answers when the next record is decoded, as a recording has it.
    pub fn tell(&mut self, answers: Vec<Answer>) {
        if let Kernel::Told(told) = &mut self.kernel {
            *told = answers.into();
        }
    }

    /// What it answered since this was last asked.
    pub fn noted(&mut self) -> Vec<Answer> {
        self.kernel.noted()
    }

    /// Names of locks that came since this was last asked, with what they go by in the program.
    pub fn names(&mut self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.naming.new_names)
    }

    /// Decodes one record and appends what it tells to `events`.
    pub fn decode(
        &mut self,
        record: &Record<'_>,
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Result<(), DecodeError> {
        let Parts { header, tail } = record.parts()?;
        let bytes = record.bytes();
        let probe = PROBES
            .get(header.probe as usize)
            .ok_or(DecodeError::Probe(header.probe))?;
        match (Kind(header.kind), tail) {
            (Kind::CHAIN, Some(tail)) => self.chain(&record::read(bytes, header.kind)?, tail, symbols, events),
            (Kind::NOTIFIER, Some(tail)) => {
                self.notifier(&record::read(bytes, header.kind)?, tail, probe, symbols, events);
            }
            (Kind::STALLED, Some(tail)) => self.stalled(&record::read(bytes, header.kind)?, tail, symbols, events),
            (Kind::WAKE, Some(tail)) => self.wake(&record::read(bytes, header.kind)?, tail, symbols, events),
            (Kind::MOVED, _) => {
                let moved: wire::Moved = record::read(bytes, header.kind)?;
                let task = record::task_of(moved.mover, moved.pid as u32);
                events.push(Event::Moved(task, self.time(header)));
            }
            (Kind::AGAIN, _) => {
                let again: wire::Again = record::read(bytes, header.kind)?;
                self.task(header, record::comm(header), events);
                events.push(Event::Again(ChainKey(again.key), record::task(header)));
            }
            (Kind::WINDOW_BEGIN, _) => self.window_begin(&record::read(bytes, header.kind)?, symbols, events),
            (Kind::WINDOW_END, _) => {
                let end: wire::WindowEnd = record::read(bytes, header.kind)?;
                events.push(Event::WindowEnd(
                    WindowKey(end.window),
                    end.result as i32,
                    self.time(header),
                ));
            }
            (Kind::DEVLINK, _) => self.naming.devlink(&record::read(bytes, header.kind)?, events),
            (Kind::DEVLINK_FREE, _) => {
                let free: wire::DevlinkFree = record::read(bytes, header.kind)?;
                self.naming.devlink_free(free.devlink, events);
            }
            // The session reads the symbols again: see `Record::announces_symbols`.
            (Kind::MODULE, _) => {}
            (Kind::MODULE_FREE, _) => {
                let module: wire::Module = record::read(bytes, header.kind)?;
                let name = record::text(&module.name);
                self.naming.module_free(&name, symbols, events);
                self.kernel.forget_module(&name, symbols);
            }
            (Kind::LOCK_INIT, _) => {
                let init: wire::LockInit = record::read(bytes, header.kind)?;
                self.begins(init.lock, init.generation, events);
            }
            (Kind::BLOCKED, _) => self.blocked(&record::read(bytes, header.kind)?, symbols, events),
            (Kind::UNBLOCKED, _) => self.unblocked(&record::read(bytes, header.kind)?, self.time(header), events),
            (Kind::HOLDER, _) => self.holder(&record::read(bytes, header.kind)?, symbols, events),
            (Kind::HELD_FOR, _) => {
                let held: wire::HeldFor = record::read(bytes, header.kind)?;
                // Where its cell was shared, nothing else tells that another lock begins there.
                events.push(Event::HeldUntil(LockKey(held.lock), held.durations.into()));
                self.naming.forget(held.lock);
            }
            (Kind::CONTENDED, _) => self.contended(&record::read(bytes, header.kind)?, symbols, events),
            (Kind::INIT_NAME, _) => self.naming.init_name(&record::read(bytes, header.kind)?, events),
            (Kind(unknown), _) => return Err(DecodeError::Kind(unknown)),
        }
        Ok(())
    }

    fn time(&self, header: &Header) -> u64 {
        header.time_ns.saturating_sub(self.start_ns)
    }

    /// Tells a task's name when it is new or has changed: a worker's changes with each work item.
    fn task(&mut self, header: &Header, comm: String, events: &mut Vec<Event>) {
        let name = TaskName {
            pid: Some(header.pid),
            comm,
        };
        let task = record::task(header);
        self.at.insert(header.task, task);
        if self.tasks.get(&task) != Some(&name) {
            self.tasks.insert(task, name.clone());
            events.push(Event::Task(task, name));
        }
    }

    fn chain(&mut self, chain: &wire::Chain, tail: &Tail, symbols: &Symbols, events: &mut Vec<Event>) {
        let header = &chain.header;
        self.task(
            header,
            worker(header, &chain.situation.desc, chain.situation.work, symbols),
            events,
        );
        let addresses = self.addresses(tail, header, symbols);
        let place = self.place(&addresses, symbols);
        let stack = Arc::clone(&place.stack);
        let origin = origin::of(&chain.situation, &stack, symbols);
        let held = self.held(&tail.held, &stack, header, &chain.situation, symbols, events);
        self.told_whole(ChainKey(chain.key), held.is_whole);
        let device = record::text(&chain.device);
        let lock = self.meet(
            chain.lock,
            chain.info,
            chain.generation,
            &device,
            &stack,
            symbols,
            events,
        );
        let seen = Seen {
            lock,
            info: chain.info,
            init_name: chain.name,
            device: &device,
            stack: &stack,
            site: place.site.as_ref(),
        };
        self.naming.name(&seen, &mut self.kernel, symbols, events);
        self.places.insert(chain.key, place);
        let request = Hold {
            lock: LockKey(lock),
            mode: mode(chain.info),
            trylock: chain.info & info::TRYLOCK != 0,
            stack,
        };
        events.push(Event::Chain(Box::new(Chain {
            key: ChainKey(chain.key),
            task: record::task(header),
            held: held.holds,
            request,
            time_ns: self.time(header),
            window: window(chain.situation.window),
            origin,
        })));
        if chain.info & info::KIND == info::THREAD {
            events.push(Event::Owes(TaskKey(lock), LockKey(lock)));
        }
    }

    /// Where a lock is requested, by return addresses from the lock function outwards.
    fn place(&mut self, addresses: &[u64], symbols: &Symbols) -> Place {
        Place {
            stack: stack::frames(addresses, symbols).into(),
            site: self.kernel.site(addresses, &self.functions, symbols),
        }
    }

    fn window_begin(&mut self, begin: &wire::WindowBegin, symbols: &Symbols, events: &mut Vec<Event>) {
        let header = &begin.header;
        self.task(header, worker(header, &begin.desc, begin.work, symbols), events);
        let inode = |number: u32| (number != 0).then_some(number);
        events.push(Event::WindowBegin(Box::new(WindowBegin {
            key: WindowKey(begin.window),
            task: record::task(header),
            handle: self.naming.handle(begin.devlink),
            action: action(begin.action),
            limit: limit(begin.limit),
            netns_from: inode(begin.netns_from),
            netns_to: inode(begin.netns_to),
            time_ns: self.time(header),
        })));
    }

    fn notifier(
        &mut self,
        notifier: &wire::Notifier,
        tail: &Tail,
        probe: &Probe,
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) {
        let header = &notifier.header;
        let situation = &notifier.situation;
        self.task(header, worker(header, &situation.desc, situation.work, symbols), events);
        let stack = stack::frames(&self.addresses(tail, header, symbols), symbols);
        if notifier::is_told(probe, &stack, symbols) {
            return;
        }
        let held = self.held(&tail.held, &stack, header, situation, symbols, events).holds;
        events.push(Event::Notifier(Box::new(NotifierChange {
            task: record::task(header),
            function: probe.function.to_owned(),
            chain: notifier::chain(notifier, probe.function, symbols),
            callback: frame::frame(notifier.callback, symbols),
            held,
            stack,
            time_ns: self.time(header),
            window: window(situation.window),
        })));
    }
}

fn mode(bits: u64) -> Mode {
    if bits & info::SHARED != 0 {
        Mode::Shared
    } else {
        Mode::Exclusive
    }
}

fn window(number: u64) -> Option<WindowKey> {
    (number != 0).then_some(WindowKey(number))
}

/// A worker's name with its work: `kworker/u8:1: netns cleanup_net`.
fn worker(header: &Header, desc: &[u8], work: u64, symbols: &Symbols) -> String {
    let comm = record::comm(header);
    if work == 0 {
        return comm;
    }
    let function = symbols.function(work).unwrap_or("unknown work");
    format!("{comm}: {} {function}", record::text(desc)).replace(":  ", ": ")
}

/// `enum devlink_reload_action`, `include/uapi/linux/devlink.h`.
fn action(number: u32) -> String {
    match number {
        1 => "driver_reinit".to_owned(),
        2 => "fw_activate".to_owned(),
        other => format!("action {other}"),
    }
}

/// `enum devlink_reload_limit`, the same file.
fn limit(number: u32) -> Option<String> {
    match number {
        0 => None,
        1 => Some("no_reset".to_owned()),
        other => Some(format!("limit {other}")),
    }
}

/// What the program counted, summed over probes and CPUs, by name in reports: what means a loss, and what does not.
pub fn split_counters(counted: &[CountedAt]) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let mut lost = BTreeMap::new();
    let mut others = BTreeMap::new();
    for place in counted {
        let is_loss = Counter::ALL
            .iter()
            .any(|(_, name, is_loss)| *is_loss && *name == place.counter);
        let side = if is_loss { &mut lost } else { &mut others };
        *side.entry(place.counter.clone()).or_default() += place.count;
    }
    (lost, others)
}
