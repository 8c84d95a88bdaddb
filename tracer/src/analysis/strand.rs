//! What the tasks of a step source did, in their own order: enough to ask later whether they could have done it in another order.
//!
//! A *strand* is a run of steps that can only happen one after the other: a thread, or one execution of a work item, whichever
//! worker ran it. The steps that order strands among each other (fork, join, queue, flush, wait, wake) are always kept; all the others
//! only up to a limit, beyond which [`super::concurrency`] has less to go by and says less.

use rustc_hash::{FxHashMap, FxHashSet};

use super::event::Mode;
use super::lock::LockId;
use super::task::TaskId;

/// Operations that are kept, of all strands together.
const MAX_OPERATIONS: usize = 1 << 22;

/// A strand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StrandId(u32);

/// A place in a strand: it has done so many operations, and is about to do the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) strand: StrandId,
    pub(crate) position: u32,
    /// How many of these order strands: places of one segment are ordered alike.
    pub(crate) segment: u32,
}

/// Who does the steps of a strand. The same one cannot be at two places at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Runner {
    Task(TaskId),
    /// A work item never runs twice at once (`Documentation/core-api/workqueue.rst`, non-reentrance).
    Work(LockId),
}

/// One operation of a strand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Acquire(LockId, Mode),
    Release(LockId, Mode),
    Downgrade(LockId),
    Fork(TaskId),
    Join(TaskId),
    Queue(LockId),
    Begin(LockId),
    End(LockId),
    Flush(LockId),
    Wait(LockId),
    Wake(LockId),
}

impl Operation {
    /// Whether it orders strands.
    fn orders(self) -> bool {
        !matches!(self, Self::Acquire(..) | Self::Release(..) | Self::Downgrade(..))
    }
}

/// What one strand did.
#[derive(Debug)]
pub(crate) struct Strand {
    pub(crate) task: TaskId,
    pub(crate) runner: Runner,
    /// Everything, unless the limit was reached.
    pub(crate) operations: Vec<Operation>,
    /// What orders it among the others, with positions.
    pub(crate) ordering: Vec<(u32, Operation)>,
    pub(crate) length: u32,
}

/// What is known of a work item.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Where it was queued.
    pub(crate) queued: Vec<Place>,
    /// Its executions, in order.
    pub(crate) runs: Vec<StrandId>,
    /// The first one that was seen to its end.
    whole: Option<StrandId>,
    /// Another one did something else.
    varies: bool,
    running: u32,
    pending: bool,
    /// Two executions overlapped: it is no work item but something like an active reference.
    pub(crate) reentrant: bool,
}

impl Work {
    /// It was queued more often than it ran, and by more than one strand: which queueings were merged is then a matter of order.
    pub(crate) fn is_merged(&self) -> bool {
        let several = self
            .queued
            .iter()
            .any(|place| self.queued.first().map(|first| first.strand) != Some(place.strand));
        several && self.queued.len() > self.runs.len()
    }
}

/// What is known of a completion.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    pub(crate) wakes: Vec<Place>,
    pub(crate) waits: u32,
}

/// All strands.
#[derive(Debug, Default)]
pub(crate) struct Strands {
    strands: Vec<Strand>,
    /// Of each task: its own strand, and the one it is in.
    tasks: FxHashMap<TaskId, (StrandId, StrandId)>,
    works: FxHashMap<LockId, Work>,
    completions: FxHashMap<LockId, Completion>,
    forked: FxHashMap<TaskId, Place>,
    /// Locks whose holds do not add up: they were held before the trace began, or handed over.
    pub(crate) doubtful: FxHashSet<LockId>,
    kept: usize,
    /// Operations were left out.
    pub(crate) cut: bool,
}

impl Strands {
    /// Where a task is.
    pub(crate) fn place(&mut self, task: TaskId) -> Place {
        let id = self.current(task);
        self.end_of(id)
    }

    fn end_of(&self, id: StrandId) -> Place {
        let strand = self.get(id);
        Place {
            strand: id,
            position: strand.map_or(0, |strand| strand.length),
            segment: strand.map_or(0, |strand| u32::try_from(strand.ordering.len()).unwrap_or(u32::MAX)),
        }
    }

    fn current(&mut self, task: TaskId) -> StrandId {
        if let Some(&(_, current)) = self.tasks.get(&task) {
            return current;
        }
        let id = self.add(task, Runner::Task(task));
        self.tasks.insert(task, (id, id));
        id
    }

    fn add(&mut self, task: TaskId, runner: Runner) -> StrandId {
        self.strands.push(Strand {
            task,
            runner,
            operations: Vec::new(),
            ordering: Vec::new(),
            length: 0,
        });
        StrandId(u32::try_from(self.strands.len() - 1).unwrap_or(u32::MAX))
    }

    /// Whose steps these are.
    pub(crate) fn runner(&self, id: StrandId) -> Option<Runner> {
        self.get(id).map(|strand| strand.runner)
    }

    /// Notes an operation of a task.
    pub(crate) fn push(&mut self, task: TaskId, operation: Operation) -> Place {
        let id = self.current(task);
        let place = self.end_of(id);
        match operation {
            // A thread that was there before cannot have been started here.
            Operation::Fork(child) if !self.tasks.contains_key(&child) => {
                self.forked.entry(child).or_insert(place);
            }
            Operation::Queue(work) => {
                let work = self.works.entry(work).or_default();
                work.queued.push(place);
                work.pending = true;
            }
            Operation::Wait(completion) => self.completions.entry(completion).or_default().waits += 1,
            Operation::Wake(completion) => self.completions.entry(completion).or_default().wakes.push(place),
            _ => {}
        }
        self.keep(id, operation);
        place
    }

    fn keep(&mut self, id: StrandId, operation: Operation) {
        let full = self.kept >= MAX_OPERATIONS;
        let Some(strand) = self.strands.get_mut(id.0 as usize) else {
            return;
        };
        if operation.orders() {
            strand.ordering.push((strand.length, operation));
        }
        strand.length = strand.length.saturating_add(1);
        if full {
            self.cut = true;
        } else {
            strand.operations.push(operation);
            self.kept += 1;
        }
    }

    /// A task begins to run a work item. That is a strand of its own unless the task is no worker: it holds something, or does other
    /// things as well and nobody queued the item.
    pub(crate) fn begin(&mut self, task: TaskId, work: LockId, holds: bool) {
        let current = self.current(task);
        let entry = self.works.entry(work).or_default();
        entry.reentrant |= entry.running > 0;
        entry.running += 1;
        entry.pending = false;
        let queued = !entry.queued.is_empty();
        let base = self.tasks.get(&task).map(|&(base, _)| base);
        let worker =
            base == Some(current) && !holds && (queued || self.get(current).is_some_and(|base| base.length == 0));
        if worker {
            let run = self.add(task, Runner::Work(work));
            if let Some((_, current)) = self.tasks.get_mut(&task) {
                *current = run;
            }
            self.works.entry(work).or_default().runs.push(run);
            self.keep(run, Operation::Begin(work));
        } else {
            self.works.entry(work).or_default().runs.push(current);
            self.keep(current, Operation::Begin(work));
        }
    }

    /// A task has run a work item.
    pub(crate) fn end(&mut self, task: TaskId, work: LockId) {
        let current = self.current(task);
        self.keep(current, Operation::End(work));
        let whole = self.works.get(&work).and_then(|known| known.whole);
        let varies = whole.is_some_and(|whole| !self.does_as(current, whole));
        if let Some(entry) = self.works.get_mut(&work) {
            entry.running = entry.running.saturating_sub(1);
            entry.whole.get_or_insert(current);
            entry.varies |= varies;
        }
        if self.runner(current) == Some(Runner::Work(work))
            && let Some((base, current)) = self.tasks.get_mut(&task)
        {
            *current = *base;
        }
    }

    /// Whether somebody who flushes it now has to wait.
    pub(crate) fn is_busy(&self, work: LockId) -> bool {
        self.works
            .get(&work)
            .is_some_and(|work| work.pending || work.running > 0)
    }

    /// Whether it was completed as often as it is waited for, this time included.
    pub(crate) fn is_complete(&self, completion: LockId) -> bool {
        let known = self.completions.get(&completion);
        known.is_some_and(|known| known.wakes.len() >= known.waits as usize)
    }

    /// What one strand did.
    pub(crate) fn get(&self, id: StrandId) -> Option<&Strand> {
        self.strands.get(id.0 as usize)
    }

    /// A task's own strand.
    pub(crate) fn of_task(&self, task: TaskId) -> Option<StrandId> {
        self.tasks.get(&task).map(|&(base, _)| base)
    }

    /// Where a task was started, when that was seen.
    pub(crate) fn fork_of(&self, task: TaskId) -> Option<Place> {
        self.forked.get(&task).copied()
    }

    /// What is known of a work item.
    pub(crate) fn work(&self, work: LockId) -> Option<&Work> {
        self.works.get(&work)
    }

    /// An execution of a work item that stands for each of them: they all did the same, as far as they got, and would do so again.
    pub(crate) fn body(&self, work: LockId) -> Option<StrandId> {
        let known = self
            .works
            .get(&work)
            .filter(|known| !known.reentrant && !known.varies)?;
        let last = *known.runs.last()?;
        let body = known.whole.unwrap_or(last);
        let once = |operation: &(u32, Operation)| matches!(operation.1, Operation::Fork(_) | Operation::Join(_));
        let alone = known
            .runs
            .iter()
            .all(|&run| self.runner(run) == Some(Runner::Work(work)));
        let repeats = alone && self.does_as(last, body) && !self.get(body)?.ordering.iter().any(once);
        repeats.then_some(body)
    }

    /// Whether a strand did what another one did, as far as it got.
    fn does_as(&self, id: StrandId, other: StrandId) -> bool {
        let operations = |id| self.get(id).map(|strand| &strand.operations);
        match (operations(id), operations(other)) {
            (Some(these), Some(those)) => those.starts_with(these),
            _ => false,
        }
    }

    /// What is known of a completion.
    pub(crate) fn completion(&self, completion: LockId) -> Option<&Completion> {
        self.completions.get(&completion)
    }
}
