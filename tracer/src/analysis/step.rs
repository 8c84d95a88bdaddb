//! Steps in, chains out: what a task does one by one becomes the same chains that a kernel sends.

use super::chain::Request;
use super::event::{Mode, Op, Step, TaskKey};
use super::held::{Breach, Released, Taken, Waiting};
use super::lock::LockId;
use super::model::{Model, pseudo};
use super::stack::StackId;
use super::strand::{Operation, Place};
use super::task::{TaskId, TaskRef};

/// Requests of a strand that are remembered as what has to happen before it completes something.
const MAX_RECENT: usize = 1024;

/// Requests that all completions together may be behind, before any event and for each: a few bytes of input can complete something that
/// [`MAX_RECENT`] requests stand before, and have to stay a few kilobytes of memory.
const MAX_OWED: u64 = 1 << 14;
const OWED_PER_EVENT: u64 = 16;

impl Model {
    pub(super) fn step(&mut self, step: Step) {
        let task = self.tasks.now(step.task);
        let stack = self.stack_keys.get(&step.stack).copied().unwrap_or(StackId::NONE);
        let at = At {
            task,
            stack,
            time_ns: step.time_ns,
        };
        // Whatever it waited for: a task that does something waits no more.
        let waited = self.held.go_on(task.id);
        match step.op {
            Op::Request(lock, mode) => {
                let request = at.taken(self.locks.used(lock), mode);
                self.requested(&at, request, None);
                self.held.wait(task.id, request, step.time_ns);
            }
            Op::Acquire(lock, mode) => {
                let taken = at.taken(self.locks.used(lock), mode);
                if !waited.is_some_and(|waited| is_for(waited, taken)) {
                    self.requested(&at, taken, None);
                }
                self.acquired(&at, taken);
            }
            Op::Try(lock, mode) => {
                let taken = at.taken(self.locks.used(lock), mode);
                self.acquired(&at, Taken { trylock: true, ..taken });
            }
            Op::Release(lock, mode) => self.release(&at, lock, mode),
            Op::Fail(lock) => {
                let lock = self.locks.used(lock);
                if waited.is_none_or(|waited| waited.request.lock != lock) {
                    self.held.counts.unmatched_failures += 1;
                }
            }
            Op::Downgrade(lock) => {
                let lock = self.locks.used(lock);
                if self.held.downgrade(task.id, lock) {
                    self.strands.push(task.id, Operation::Downgrade(lock));
                }
            }
            Op::Init(lock) => self.step_init(&at, lock),
            Op::Fork(child) => {
                let child = self.tasks.id(child);
                self.strands.push(task.id, Operation::Fork(child));
            }
            Op::Join(child) => self.join(&at, child),
            Op::Queue(work) => {
                let work = self.locks.used(work);
                self.strands.push(task.id, Operation::Queue(work));
            }
            Op::Begin(work) => {
                let work = self.locks.used(work);
                let holds = !self.held.of(task.id).is_empty();
                self.strands.begin(task.id, work, holds);
                self.held.acquire(task.id, at.taken(work, Mode::Exclusive));
            }
            Op::End(work) => self.end(&at, work),
            Op::Flush(work) => {
                let work = self.locks.used(work);
                self.wait_for(&at, work, Operation::Flush(work), None);
            }
            Op::Wait(completion) => self.wait(&at, completion),
            Op::Wake(completion) => self.wake(&at, completion),
        }
    }

    /// A request on top of what the task holds. The condition variable that goes with a lock gives that lock back while it waits.
    fn requested(&mut self, at: &At, request: Taken, given_back: Option<LockId>) {
        let task = at.task;
        let place = self.strands.place(task.id);
        let Some(runner) = self.strands.runner(place.strand) else {
            return;
        };
        if request.mode == Mode::Exclusive {
            self.locks.add_writer(request.lock, task, request.stack);
        }
        let rest: Vec<Taken>;
        let mut held = self.held.of(task.id);
        if given_back.is_some() {
            rest = held
                .iter()
                .copied()
                .filter(|taken| Some(taken.lock) != given_back)
                .collect();
            held = &rest;
        }
        let request = Request {
            task,
            runner,
            held,
            request,
        };
        match self.chains.find(&self.graph, request) {
            Some(chain) => {
                if let Some(place) = self.chains.again(&mut self.graph, chain, place) {
                    self.owe_thread(task.id, chain, place);
                }
                self.remember(place, chain);
            }
            None => {
                let chain = self.chains.add(&mut self.graph, request, place, at.time_ns);
                self.owe_thread(task.id, chain, Some(place));
                self.remember(place, chain);
            }
        }
    }

    /// Somebody waits for this thread: what it requests has to happen before it ends.
    fn owe_thread(&mut self, task: TaskId, chain: u32, place: Option<Place>) {
        let own = self.strands.of_task(task) == place.map(|place| place.strand);
        if let Some(&thread) = self.threads.get(&task).filter(|_| own) {
            self.chains.owe(&mut self.graph, pseudo(thread), chain, place);
        }
    }

    fn remember(&mut self, place: Place, chain: u32) {
        let recent = self.recent.entry(place.strand).or_default();
        let same = |&(known, at): &(u32, Place)| known == chain && at.segment == place.segment;
        if recent.last().is_some_and(same) {
            return;
        }
        if recent.len() < MAX_RECENT {
            recent.push((chain, place));
        } else {
            self.counts.requests_forgotten += 1;
        }
    }

    fn acquired(&mut self, at: &At, taken: Taken) {
        self.held.acquire(at.task.id, taken);
        self.strands
            .push(at.task.id, Operation::Acquire(taken.lock, taken.mode));
    }

    fn release(&mut self, at: &At, lock: super::event::LockKey, mode: Mode) {
        let lock = self.locks.used(lock);
        let released = self.held.release(at.task.id, lock, mode);
        match released {
            Released::Own => {}
            Released::Foreign | Released::Unmatched => {
                self.strands.doubtful.insert(lock);
            }
            Released::Imbalance => {
                self.strands.doubtful.insert(lock);
                self.breach(Breach::UnlockImbalance, lock, at.task, at.stack, at.time_ns);
            }
        }
        self.strands.push(at.task.id, Operation::Release(lock, mode));
    }

    fn step_init(&mut self, at: &At, key: super::event::LockKey) {
        let old = self.locks.end(key);
        let new = self.locks.used(key);
        self.held.begin(new);
        if let Some(old) = old
            && self.held.replace(old, new)
        {
            self.strands.doubtful.extend([old, new]);
            self.breach(Breach::InitHeld, old, at.task, at.stack, at.time_ns);
        }
    }

    fn join(&mut self, at: &At, child: TaskKey) {
        let child = self.tasks.id(child);
        let thread = match self.threads.get(&child) {
            Some(&thread) => thread,
            None => {
                let name = self.tasks.get(self.tasks.present(child)).comm;
                let thread = self.locks.thread(name);
                self.threads.insert(child, thread);
                self.chains.owe_all(&mut self.graph, pseudo(thread), child);
                thread
            }
        };
        self.wait_for(at, thread, Operation::Join(child), None);
    }

    /// A task waits for something that is no lock. It is not held afterwards.
    fn wait_for(&mut self, at: &At, what: LockId, operation: Operation, given_back: Option<LockId>) {
        let request = at.taken(what, Mode::Exclusive);
        self.requested(at, request, given_back);
        self.strands.push(at.task.id, operation);
        self.held.wait(at.task.id, request, at.time_ns);
    }

    fn wait(&mut self, at: &At, completion: super::event::LockKey) {
        let completion = self.locks.used(completion);
        let name = |lock: LockId| self.locks.get(lock)?.name.as_ref().map(|name| &name.name);
        let held = self.held.of(at.task.id).iter();
        let given_back = held
            .map(|taken| taken.lock)
            .find(|&lock| name(lock).is_some() && name(lock) == name(completion));
        self.wait_for(at, completion, Operation::Wait(completion), given_back);
        if self.strands.is_complete(completion) {
            self.held.go_on(at.task.id);
        }
    }

    /// Whoever completes it must have got all that it requested before.
    fn wake(&mut self, at: &At, completion: super::event::LockKey) {
        let completion = self.locks.used(completion);
        let place = self.strands.push(at.task.id, Operation::Wake(completion));
        self.woken.insert(completion, at.time_ns);
        for (chain, place) in self.recent.get(&place.strand).cloned().unwrap_or_default() {
            if self.chains.owed() >= MAX_OWED.saturating_add(OWED_PER_EVENT.saturating_mul(self.counts.events)) {
                self.counts.requests_forgotten += 1;
                continue;
            }
            self.chains.owe(&mut self.graph, pseudo(completion), chain, Some(place));
        }
    }

    fn end(&mut self, at: &At, work: super::event::LockKey) {
        let work = self.locks.used(work);
        let held = self.held.of(at.task.id);
        let Some(begun) = held.iter().rposition(|taken| taken.lock == work) else {
            self.held.counts.unmatched_ends += 1;
            return;
        };
        let leaked: Vec<_> = held.iter().skip(begun + 1).copied().collect();
        for taken in leaked {
            self.breach(Breach::LeakedHold, taken.lock, at.task, taken.stack, at.time_ns);
        }
        self.held.release(at.task.id, work, Mode::Exclusive);
        self.strands.end(at.task.id, work);
    }
}

/// Who does a step, where and when.
struct At {
    task: TaskRef,
    stack: StackId,
    time_ns: u64,
}

impl At {
    fn taken(&self, lock: LockId, mode: Mode) -> Taken {
        Taken {
            lock,
            mode,
            trylock: false,
            stack: self.stack,
        }
    }
}

fn is_for(waiting: Waiting, taken: Taken) -> bool {
    (waiting.request.lock, waiting.request.mode) == (taken.lock, taken.mode)
}
