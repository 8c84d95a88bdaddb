//! The model: events in, and at any moment a snapshot out.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::assemble;
use super::chain::Chains;
use super::context::Context;
use super::duration::Spent;
use super::event::{
    Chain, ChainKey, Durations, Event, Frame, Hold, LockKey, LockKind, Mode, NotifierChange, Others, StackKey, Stalled,
    TaskKey, WindowBegin, WindowKey,
};
use super::graph::{Evidence, OrderGraph, Situation};
use super::held::{Breach, HeldStacks, Taken, Waiting};
use super::lock::{LockId, Locks};
use super::snapshot::Snapshot;
use super::stack::{StackId, Stacks};
use super::strand::{Place, Runner, StrandId, Strands};
use super::task::{TaskId, TaskRef, Tasks};
use super::wait_for;

/// Notifier changes that are kept.
const MAX_NOTIFIERS: usize = 10_000;

/// Windows that are kept.
const MAX_WINDOWS: usize = 10_000;

/// A wait that took as long is kept when it is over.
const LONG_WAIT_NS: u64 = 1_000_000_000;

/// Whoever waits for an event and looks again within this time waits on: `netdev_wait_allrefs_any()` in net/core/dev.c wakes up four times a second, and once a second it takes
/// `rtnl_mutex` to tell everybody.
const POLLED_NS: u64 = 2_000_000_000;

/// How many of these.
const MAX_WAITED: usize = 1000;

/// A long wait that is over.
#[derive(Debug)]
pub(crate) struct Waited {
    pub(crate) task: TaskRef,
    pub(crate) waiting: Waiting,
    pub(crate) until_ns: u64,
    /// Whom it waited for last.
    pub(crate) on: Vec<Blocker>,
}

/// A task that another waits for.
#[derive(Clone, Debug)]
pub(crate) struct Blocker {
    pub(crate) task: TaskRef,
    pub(crate) held: Vec<Taken>,
    /// Where it is, where that is known and it does not wait itself.
    pub(crate) at: Option<StackId>,
}

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

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) unknown_chains: u64,
    pub(crate) unknown_windows: u64,
    pub(crate) notifiers_dropped: u64,
    pub(crate) windows_dropped: u64,
    pub(crate) requests_forgotten: u64,
    pub(crate) waits_dropped: u64,
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
    pub(crate) waited: Vec<Waited>,
    /// What tasks waited for last that was an event, and until when, in ns.
    polled: FxHashMap<(TaskId, LockId), (Waiting, u64)>,
    /// Whom tasks wait for that do not get on, as it was known last.
    blockers: FxHashMap<TaskId, Vec<Blocker>>,
    pub(crate) durations: Spent,
    pub(crate) breaches: BTreeMap<(Breach, LockId, TaskId), BreachSeen>,
    pub(crate) counts: Counts,
    pub(crate) chains: Chains,
    /// Those that stand for others that were not told.
    pub(crate) others: BTreeMap<ChainKey, Others>,
    pub(crate) strands: Strands,
    /// What stands for the end of a thread that somebody waits for.
    pub(crate) threads: FxHashMap<TaskId, LockId>,
    /// When a completion was last completed, in ns.
    pub(crate) woken: FxHashMap<LockId, u64>,
    pub(super) stack_keys: FxHashMap<StackKey, StackId>,
    /// What each strand has requested, and where.
    pub(super) recent: FxHashMap<StrandId, Vec<(u32, Place)>>,
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
        // What a stack is tells of no event of its own, and what was not told or is a sum of none.
        self.counts.events += u64::from(!matches!(
            event,
            Event::Stack(..) | Event::Others(_) | Event::Waited(..) | Event::HeldFor(..) | Event::HeldUntil(..)
        ));
        match event {
            Event::Task(key, name) => self.tasks.name(key, name),
            Event::Lock(key, kind, name) => self.locks.name(key, kind, name),
            Event::Init(key) => self.init(key),
            Event::Free(key) => self.free(key),
            Event::Chain(chain) => self.chain(*chain),
            Event::Again(chain, task) => self.again(chain, task),
            Event::Count(chain, count) => self.count(chain, count),
            Event::Others(others) => {
                self.others.insert(others.chain, others);
            }
            Event::Stack(key, frames) => self.stack(key, frames),
            Event::Step(step) => self.step(step),
            Event::WindowBegin(begin) => self.window_begin(*begin),
            Event::WindowEnd(key, result, time_ns) => self.window_end(key, result, time_ns),
            Event::Notifier(change) => self.notifier(*change),
            Event::Stalled(stalled) => self.stalled(*stalled),
            Event::Moved(task, time_ns) => self.moved(task, time_ns),
            Event::Contended(key, request) => {
                let request = self.taken(&request);
                self.durations.contended(key, request);
            }
            Event::Waited(key, durations) => self.durations.waited(key, durations),
            Event::HeldFor(lock, durations) => self.held_for(lock, durations),
            Event::HeldUntil(lock, durations) => {
                self.held_for(lock, durations);
                self.init(lock);
            }
            Event::Owes(task, what) => {
                let (task, what) = (self.tasks.now(task), self.locks.used(what));
                if self.threads.insert(task.id, what) != Some(what) {
                    self.chains.owe_all_keyed(&mut self.graph, pseudo(what), task);
                }
            }
        }
    }

    /// All that is known now, as a document. The same events give the same document.
    pub fn snapshot(&self, context: &Context) -> Snapshot {
        assemble::snapshot(self, context)
    }

    /// How many chains were not told because others stand for them.
    pub fn stood_for(&self) -> u64 {
        self.others.values().map(|others| others.count).sum()
    }

    /// How often each dependency was seen.
    pub(crate) fn dependency_counts(&self, graph: &OrderGraph) -> Vec<u64> {
        let mut counts = vec![0u64; graph.dependencies().len()];
        for chain in self.chains.all() {
            let situation = chain
                .situation
                .and_then(|index| self.graph.situations().get(index as usize));
            let Some(situation) = situation.filter(|situation| !situation.request.trylock) else {
                continue;
            };
            for taken in &situation.held {
                let edge = super::graph::edge(taken, &situation.request);
                if let Some(count) = graph.index(edge).and_then(|index| counts.get_mut(index as usize)) {
                    *count = count.saturating_add(chain.count);
                }
            }
        }
        counts
    }

    fn stack(&mut self, key: StackKey, frames: Vec<Frame>) {
        let id = self.stacks.add(&frames.into());
        self.stack_keys.insert(key, id);
    }

    fn taken(&mut self, hold: &Hold) -> Taken {
        Taken {
            lock: self.locks.used(hold.lock),
            mode: hold.mode,
            trylock: hold.trylock,
            stack: self.stacks.add(&hold.stack),
        }
    }

    fn held_for(&mut self, lock: LockKey, durations: Durations) {
        if let Some(lock) = self.locks.known(lock) {
            self.durations.held(lock, durations);
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
            self.strands.doubtful.insert(old);
            self.held.counts.freed_held += 1;
        }
    }

    fn chain(&mut self, chain: Chain) {
        // Two CPUs can find the same chain new at once; and one that was told with a hold missing is told again.
        if let Some(known) = self.chains.by_key(chain.key) {
            let situation = known
                .situation
                .and_then(|index| self.graph.situations().get(index as usize));
            if situation.map_or(0, |situation| situation.held.len()) >= chain.held.len() {
                return self.again(chain.key, chain.task);
            }
        }
        let task = self.tasks.now(chain.task);
        let held: Box<[Taken]> = chain.held.iter().map(|hold| self.taken(hold)).collect();
        let request = self.taken(&chain.request);
        if request.mode == Mode::Exclusive && !request.trylock {
            self.locks.add_writer(request.lock, task, request.stack);
        }
        let runner = self.runner(task, &held);
        // A chain on nothing proves no dependency, unless somebody waits for the task to end.
        let situation = (!request.trylock).then(|| {
            self.graph.add_situation(Situation {
                held,
                request,
                window: chain.window,
                origin: chain.origin.map(String::into_boxed_str),
            })
        });
        if let Some(situation) = situation {
            self.graph.add(evidence(situation, task, runner, chain.time_ns));
        }
        self.chains.add_keyed(chain.key, task, runner, situation, chain.time_ns);
        self.owe_thread_keyed(chain.key, task);
    }

    /// A task gets on. A wait that was long is kept.
    fn moved(&mut self, task: TaskKey, until_ns: u64) {
        let task = self.tasks.now(task);
        let waiting = self.held.forget(task.id);
        let on = self.blockers.remove(&task.id).unwrap_or_default();
        if let Some(waiting) = waiting.filter(|waiting| self.is_event(waiting.request.lock)) {
            self.polled.insert((task.id, waiting.request.lock), (waiting, until_ns));
        }
        let Some(waiting) = waiting.filter(|waiting| until_ns.saturating_sub(waiting.since_ns) >= LONG_WAIT_NS) else {
            return;
        };
        if self.waited.len() < MAX_WAITED {
            self.waited.push(Waited {
                task,
                waiting,
                until_ns,
                on,
            });
        } else {
            self.counts.waits_dropped += 1;
        }
    }

    fn is_event(&self, lock: LockId) -> bool {
        self.locks.get(lock).is_some_and(|lock| lock.kind == LockKind::Event)
    }

    /// Since when a task waits that began to at `since_ns`: for longer when it only looked, in between, whether an event had come.
    fn polls_since(&mut self, task: TaskId, request: Taken, since_ns: u64) -> u64 {
        let before = self.polled.remove(&(task, request.lock)).filter(|(before, until_ns)| {
            before.request.stack == request.stack && since_ns.saturating_sub(*until_ns) <= POLLED_NS
        });
        let Some((before, until_ns)) = before else {
            return since_ns;
        };
        // It is not over.
        self.waited
            .retain(|waited| (waited.task.id, waited.until_ns) != (task, until_ns));
        before.since_ns
    }

    /// Somebody waits for this task to end.
    fn owe_thread_keyed(&mut self, key: ChainKey, task: TaskRef) {
        if let Some(&thread) = self.threads.get(&task.id) {
            self.chains.owe_keyed(&mut self.graph, pseudo(thread), key, task);
        }
    }

    /// Who it is that holds this: a work item, whichever worker runs it, or the task itself.
    fn runner(&self, task: TaskRef, held: &[Taken]) -> Runner {
        let is_work = |lock| self.locks.get(lock).is_some_and(|lock| lock.kind == LockKind::Work);
        let work = held.iter().map(|taken| taken.lock).find(|&lock| is_work(lock));
        work.map_or(Runner::Task(task.id), Runner::Work)
    }

    fn again(&mut self, key: ChainKey, task: TaskKey) {
        let task = self.tasks.now(task);
        if !self.chains.again_keyed(&mut self.graph, key, task) {
            self.counts.unknown_chains += 1;
        }
        self.owe_thread_keyed(key, task);
    }

    fn count(&mut self, key: ChainKey, count: u64) {
        match self.chains.by_key(key) {
            Some(seen) => seen.count = count,
            None => self.counts.unknown_chains += 1,
        }
    }

    /// What it waits for is a dependency as any other, most often one that is known.
    fn stalled(&mut self, stalled: Stalled) {
        let task = self.tasks.now(stalled.task);
        let held: Vec<Taken> = stalled.held.iter().map(|hold| self.taken(hold)).collect();
        let request = stalled.waits.as_ref().map(|waits| self.taken(waits));
        let owner = stalled.owner.map(|owner| self.tasks.id(owner));
        if let Some(request) = request.filter(|_| !held.is_empty()) {
            let situation = self.graph.add_situation(Situation {
                held: held.as_slice().into(),
                request,
                window: stalled.window,
                origin: stalled.origin.map(String::into_boxed_str),
            });
            let runner = self.runner(task, &held);
            self.graph.add(evidence(situation, task, runner, stalled.since_ns));
        }
        let waiting = request.map(|request| Waiting {
            request,
            since_ns: self.polls_since(task.id, request, stalled.since_ns),
            is_seen: true,
            owner,
        });
        let at = self.stacks.add(&stalled.stack);
        self.held.stall(task.id, held, waiting, at);
        // Now, and not when one gets on: by then the lock may be gone, and its memory another one.
        for (task, on) in wait_for::blockers(self).into_iter().filter(|(_, on)| !on.is_empty()) {
            let on = on.into_iter().map(|task| self.blocker(task)).collect();
            self.blockers.insert(task, on);
        }
    }

    /// How many circles of tasks wait for each other now.
    pub(crate) fn circles(&self) -> usize {
        wait_for::WaitFor::of(self).circles.len()
    }

    /// Since when each task waits that does, in ns.
    pub(crate) fn waiting_since(&self) -> impl Iterator<Item = u64> {
        self.held.all_waiting().map(|(_, waiting)| waiting.since_ns)
    }

    /// What is known of a task that another waits for.
    pub(crate) fn blocker(&self, task: TaskId) -> Blocker {
        Blocker {
            task: self.tasks.present(task),
            held: self.held.of(task).to_vec(),
            at: self.held.at(task).filter(|_| self.held.waiting(task).is_none()),
        }
    }

    pub(super) fn breach(&mut self, breach: Breach, lock: LockId, task: TaskRef, stack: StackId, time_ns: u64) {
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

/// What a task owes, as if it held it.
pub(super) fn pseudo(what: LockId) -> Taken {
    Taken {
        lock: what,
        mode: Mode::Exclusive,
        trylock: false,
        stack: StackId::NONE,
    }
}

fn evidence(situation: u32, task: TaskRef, runner: Runner, time_ns: u64) -> Evidence {
    Evidence {
        situation,
        from: 0,
        stacks: [StackId::NONE; 2],
        among_others: false,
        task,
        runner,
        place: None,
        time_ns,
    }
}
