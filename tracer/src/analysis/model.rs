//! The model: events in, and at any moment a snapshot out.

use std::collections::{BTreeMap, HashMap};

use super::assemble;
use super::context::Context;
use super::event::{Chain, ChainKey, Event, Hold, LockKey, NotifierChange, Step, TaskKey, WindowBegin, WindowKey};
use super::graph::{OrderGraph, Situation};
use super::held::{Breach, HeldStacks, Outcome, Taken};
use super::lock::{LockId, Locks};
use super::snapshot::Snapshot;
use super::stack::{StackId, Stacks};
use super::task::{TaskId, TaskRef, Tasks};

/// Notifier changes that are kept.
const MAX_NOTIFIERS: usize = 10_000;

/// Windows that are kept.
const MAX_WINDOWS: usize = 10_000;

/// A reload window, and its end when that was seen.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) begin: WindowBegin,
    pub(crate) task: TaskRef,
    /// Result and time in ns.
    pub(crate) end: Option<(i32, u64)>,
    /// Position in the document.
    pub(crate) number: u32,
}

/// A breach of a rule that one step showed.
#[derive(Debug)]
pub(crate) struct BreachSeen {
    pub(crate) task: TaskRef,
    pub(crate) stack: StackId,
    pub(crate) time_ns: u64,
    pub(crate) count: u64,
}

/// A chain that was seen.
#[derive(Debug)]
struct Seen {
    /// `None` when nothing was held: such a chain proves no dependency.
    situation: Option<usize>,
    dependencies: Vec<usize>,
    time_ns: u64,
    count: u64,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) unknown_chains: u64,
    pub(crate) unknown_windows: u64,
    pub(crate) notifiers_dropped: u64,
    pub(crate) windows_dropped: u64,
}

/// Everything that the events have told so far.
#[derive(Debug, Default)]
pub struct Model {
    pub(crate) locks: Locks,
    pub(crate) tasks: Tasks,
    pub(crate) stacks: Stacks,
    pub(crate) graph: OrderGraph,
    pub(crate) held: HeldStacks,
    pub(crate) windows: BTreeMap<WindowKey, Window>,
    pub(crate) notifiers: Vec<(Notifier, Vec<Taken>)>,
    pub(crate) breaches: BTreeMap<(Breach, LockId, TaskId), BreachSeen>,
    pub(crate) counts: Counts,
    chains: Vec<Seen>,
    by_key: HashMap<ChainKey, usize>,
    /// Chains made of steps: who, on what, for what.
    by_steps: HashMap<(TaskId, Situation), usize>,
}

/// A notifier change with its task under the name it had.
#[derive(Debug)]
pub(crate) struct Notifier {
    pub(crate) change: NotifierChange,
    pub(crate) task: TaskRef,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one event. Events of one task must come in their order.
    pub fn apply(&mut self, event: Event) {
        self.counts.events += 1;
        match event {
            Event::Task(key, name) => self.tasks.name(key, name),
            Event::Lock(key, kind, name) => self.locks.name(key, kind, name),
            Event::Init(key) => self.init(key),
            Event::Free(key) => self.free(key),
            Event::Chain(chain) => self.chain(*chain),
            Event::Again(chain, task) => self.again(chain, task),
            Event::Count(chain, count) => self.count(chain, count),
            Event::Step(task, step, time_ns) => self.step(task, &step, time_ns),
            Event::WindowBegin(begin) => self.window_begin(*begin),
            Event::WindowEnd(key, result, time_ns) => self.window_end(key, result, time_ns),
            Event::Notifier(change) => self.notifier(*change),
        }
    }

    /// All that is known now, as a document. The same events give the same document.
    pub fn snapshot(&self, context: &Context) -> Snapshot {
        assemble::snapshot(self, context)
    }

    /// How often each dependency was seen.
    pub(crate) fn dependency_counts(&self) -> Vec<u64> {
        let mut counts = vec![0u64; self.graph.dependencies().len()];
        for chain in &self.chains {
            for &dependency in &chain.dependencies {
                if let Some(count) = counts.get_mut(dependency) {
                    *count = count.saturating_add(chain.count);
                }
            }
        }
        counts
    }

    /// How many distinct chains were seen.
    pub(crate) fn chain_count(&self) -> usize {
        self.chains.len()
    }

    fn taken(&mut self, hold: &Hold) -> Taken {
        Taken {
            lock: self.locks.used(hold.lock),
            mode: hold.mode,
            trylock: hold.trylock,
            stack: self.stacks.add(&hold.stack),
        }
    }

    fn init(&mut self, key: LockKey) {
        if let Some(old) = self.locks.end(key) {
            self.held.end(old);
        }
    }

    fn free(&mut self, key: LockKey) {
        if let Some(old) = self.locks.end(key)
            && self.held.end(old)
        {
            self.held.counts.freed_held += 1;
        }
    }

    fn chain(&mut self, chain: Chain) {
        // Two CPUs can find the same chain new at once.
        if self.by_key.contains_key(&chain.key) {
            return self.again(chain.key, chain.task);
        }
        let task = self.tasks.now(chain.task);
        let held = chain.held.iter().map(|hold| self.taken(hold)).collect();
        let request = self.taken(&chain.request);
        let situation = Situation {
            held,
            request,
            window: chain.window,
        };
        let index = self.add_chain(situation, task, chain.time_ns);
        self.by_key.insert(chain.key, index);
    }

    fn add_chain(&mut self, situation: Situation, task: TaskRef, time_ns: u64) -> usize {
        self.note_writer(situation.request, task);
        let mut seen = Seen {
            situation: None,
            dependencies: Vec::new(),
            time_ns,
            count: 1,
        };
        if !situation.held.is_empty() && !situation.request.trylock {
            let index = self.graph.add_situation(situation);
            seen.situation = Some(index);
            seen.dependencies = self.graph.add(index, task, false, time_ns);
        }
        self.chains.push(seen);
        self.chains.len() - 1
    }

    fn note_writer(&mut self, request: Taken, task: TaskRef) {
        if request.mode == super::event::Mode::Exclusive && !request.trylock {
            self.locks.add_writer(request.lock, task, request.stack);
        }
    }

    fn again(&mut self, key: ChainKey, task: TaskKey) {
        let task = self.tasks.now(task);
        let Some(seen) = self.by_key.get(&key).and_then(|&index| self.chains.get(index)) else {
            self.counts.unknown_chains += 1;
            return;
        };
        if let Some(situation) = seen.situation {
            self.graph.add(situation, task, true, seen.time_ns);
        }
    }

    fn count(&mut self, key: ChainKey, count: u64) {
        match self.by_key.get(&key).and_then(|&index| self.chains.get_mut(index)) {
            Some(seen) => seen.count = count,
            None => self.counts.unknown_chains += 1,
        }
    }

    fn step(&mut self, key: TaskKey, step: &Step, time_ns: u64) {
        let task = self.tasks.now(key);
        match step {
            Step::Request(hold) => {
                let taken = self.taken(hold);
                let outcome = self.held.request(task, taken);
                self.stepped(outcome, task, taken, time_ns);
            }
            Step::Acquire(hold) => {
                let taken = self.taken(hold);
                let outcome = self.held.acquire(task, taken);
                self.stepped(outcome, task, taken, time_ns);
            }
            Step::Release(hold) => {
                let taken = self.taken(hold);
                let outcome = self.held.release(task, taken.lock, taken.mode);
                self.stepped(outcome, task, taken, time_ns);
            }
            Step::Fail(lock) => {
                let lock = self.locks.used(*lock);
                self.held.fail(task, lock);
            }
            Step::Downgrade(lock) => {
                let lock = self.locks.used(*lock);
                self.held.downgrade(task, lock);
            }
            Step::Init(hold) => self.step_init(task, hold, time_ns),
        }
    }

    fn step_init(&mut self, task: TaskRef, hold: &Hold, time_ns: u64) {
        let stack = self.stacks.add(&hold.stack);
        let old = self.locks.end(hold.lock);
        let new = self.locks.used(hold.lock);
        self.held.begin(new);
        if let Some(old) = old
            && self.held.replace(old, new)
        {
            self.breach(Breach::InitHeld, old, task, stack, time_ns);
        }
    }

    fn stepped(&mut self, outcome: Outcome, task: TaskRef, taken: Taken, time_ns: u64) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Request(held) => self.requested(
                Situation {
                    held,
                    request: taken,
                    window: None,
                },
                task,
                time_ns,
            ),
            Outcome::Breach(breach) => self.breach(breach, taken.lock, task, taken.stack, time_ns),
        }
    }

    fn requested(&mut self, situation: Situation, task: TaskRef, time_ns: u64) {
        let known = self
            .by_steps
            .get(&(task.id, situation.clone()))
            .and_then(|&index| self.chains.get_mut(index));
        match known {
            Some(seen) => seen.count = seen.count.saturating_add(1),
            None => {
                let index = self.add_chain(situation.clone(), task, time_ns);
                self.by_steps.insert((task.id, situation), index);
            }
        }
    }

    fn breach(&mut self, breach: Breach, lock: LockId, task: TaskRef, stack: StackId, time_ns: u64) {
        let seen = BreachSeen {
            task,
            stack,
            time_ns,
            count: 0,
        };
        self.breaches.entry((breach, lock, task.id)).or_insert(seen).count += 1;
    }

    fn window_begin(&mut self, begin: WindowBegin) {
        if self.windows.len() >= MAX_WINDOWS {
            self.counts.windows_dropped += 1;
            return;
        }
        let task = self.tasks.now(begin.task);
        let number = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        self.windows.entry(begin.key).or_insert(Window {
            begin,
            task,
            end: None,
            number,
        });
    }

    fn window_end(&mut self, key: WindowKey, result: i32, time_ns: u64) {
        match self.windows.get_mut(&key) {
            Some(window) => window.end = Some((result, time_ns)),
            None => self.counts.unknown_windows += 1,
        }
    }

    fn notifier(&mut self, change: NotifierChange) {
        if self.notifiers.len() >= MAX_NOTIFIERS {
            self.counts.notifiers_dropped += 1;
            return;
        }
        let task = self.tasks.now(change.task);
        let held = change.held.iter().map(|hold| self.taken(hold)).collect();
        self.notifiers.push((Notifier { change, task }, held));
    }
}
