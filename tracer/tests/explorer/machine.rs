//! What the kernel does with a program, step by step.
//!
//! Which locks a task holds follows from its position, for programs are straight lines. A mutex needs no queue: whoever is granted it
//! first could as well have come first. A `rw_semaphore` does, for a queued writer stops readers (`rwsem_down_read_slowpath()`), and a
//! release grants all queued readers when the first in the queue is one (`rwsem_mark_wake()`, 6.12).

use super::program::{Kind, MAX_LOCKS, MAX_TASKS, Mode, Op, Program};

/// One bit per lock and then per task: what can be waited for.
pub type Resources = u16;

/// Position 0 is not started (a work item: not running), n is before the n-th operation, one more is the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    position: [u8; MAX_TASKS + 1],
    /// How often the flushed work item must have ended, plus 1; 0 when the task is not in a flush.
    flushing: [u8; MAX_TASKS],
    /// How often the work item has ended.
    ended: [u8; MAX_TASKS],
    /// Work items that are queued, one bit per task.
    pending: u8,
    /// Who is queued for a rwsem: four bits each, task number plus 1, the first in the lowest.
    queue: [u32; MAX_LOCKS],
}

/// What a step was to the task that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its operation is done; a work item begins or ends.
    Done,
    /// It is queued for a rwsem, or has begun to wait in a flush.
    Waits,
    /// Its trylock failed.
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub state: State,
    pub effect: Effect,
    /// Tasks whose request was granted by it, one bit each.
    pub granted: u8,
}

/// Locks held, one bit each.
#[derive(Clone, Copy, Default)]
struct Held {
    exclusive: u8,
    shared: u8,
}

pub struct Machine<'p> {
    pub program: &'p Program,
    /// By task and position.
    held: Vec<Vec<Held>>,
    /// Where a task goes on when the trylock at this position fails.
    skip: Vec<Vec<u8>>,
}

impl<'p> Machine<'p> {
    pub fn new(program: &'p Program) -> Self {
        assert!(program.tasks.len() <= MAX_TASKS && program.locks.len() <= MAX_LOCKS);
        let tasks = 0..program.tasks.len();
        Self {
            program,
            held: tasks.clone().map(|task| held(program, task)).collect(),
            skip: tasks.map(|task| skips(program, task)).collect(),
        }
    }

    pub fn start(&self) -> State {
        let mut state = State::default();
        for task in self.tasks() {
            let runs = !self.program.tasks[task].work && !self.program.is_forked(task);
            state.position[task] = u8::from(runs);
        }
        state
    }

    pub fn tasks(&self) -> std::ops::Range<usize> {
        0..self.program.tasks.len()
    }

    /// The operation that a task is at.
    pub fn op(&self, state: &State, task: usize) -> Option<Op> {
        let before = usize::from(state.position[task]).checked_sub(1)?;
        self.program.tasks[task].ops.get(before).copied()
    }

    /// Lines of a trace are numbered by it.
    pub fn position(&self, state: &State, task: usize) -> u8 {
        state.position[task]
    }

    /// A work item that has run as often as it was queued is finished, too.
    pub fn is_finished(&self, state: &State, task: usize) -> bool {
        let position = usize::from(state.position[task]);
        if self.program.tasks[task].work {
            return position == 0 && state.pending & 1 << task == 0;
        }
        position == self.program.tasks[task].ops.len() + 1
    }

    /// `None` when the task has nothing to do or cannot go on.
    pub fn step(&self, state: &State, task: usize) -> Option<Step> {
        let work = self.program.tasks[task].work;
        let mut next = *state;
        let Some(op) = self.op(state, task) else {
            let started = state.position[task] != 0;
            if !work || !started && state.pending & 1 << task == 0 {
                return None;
            }
            if started {
                next.ended[task] += 1;
                next.position[task] = 0;
            } else {
                next.pending &= !(1 << task);
                next.position[task] = 1;
            }
            return Some(Step::done(next));
        };
        let mut effect = Effect::Done;
        let mut granted = 0;
        match op {
            Op::Acquire(lock, mode) => effect = self.acquire(&mut next, task, lock, mode)?,
            Op::Try(lock, mode) if self.grants(state, lock, mode) => next.position[task] += 1,
            Op::Try(..) => {
                next.position[task] = self.skip[task][usize::from(state.position[task])];
                effect = Effect::Failed;
            }
            Op::Release(lock) => {
                next.position[task] += 1;
                granted = self.wake(&mut next, lock);
            }
            Op::Fork(other) => {
                next.position[other] = 1;
                next.position[task] += 1;
            }
            Op::Join(other) if !self.is_finished(state, other) => return None,
            Op::Join(_) => next.position[task] += 1,
            Op::Queue(work) => {
                next.pending |= 1 << work;
                next.position[task] += 1;
            }
            Op::Flush(work) => effect = self.flush(&mut next, task, work)?,
        }
        Some(Step {
            state: next,
            effect,
            granted,
        })
    }

    fn acquire(&self, state: &mut State, task: usize, lock: usize, mode: Mode) -> Option<Effect> {
        if is_queued(state, lock, task) {
            return None;
        }
        if self.grants(state, lock, mode) {
            state.position[task] += 1;
            return Some(Effect::Done);
        }
        if self.program.locks[lock] == Kind::Mutex {
            return None;
        }
        let queue = &mut state.queue[lock];
        let length = (32 - queue.leading_zeros()).div_ceil(4);
        *queue |= (task as u32 + 1) << (4 * length);
        Some(Effect::Waits)
    }

    /// Whether a request that comes now is granted at once.
    fn grants(&self, state: &State, lock: usize, mode: Mode) -> bool {
        state.queue[lock] == 0 && self.is_compatible(state, lock, mode)
    }

    fn is_compatible(&self, state: &State, lock: usize, mode: Mode) -> bool {
        let bit = 1 << lock;
        self.tasks().all(|task| {
            let held = self.held_by(state, task);
            held.exclusive & bit == 0 && (mode == Mode::Shared || held.shared & bit == 0)
        })
    }

    fn held_by(&self, state: &State, task: usize) -> Held {
        self.held[task][usize::from(state.position[task])]
    }

    /// Grants what a release has made possible.
    fn wake(&self, state: &mut State, lock: usize) -> u8 {
        let mode_of = |state: &State, task: usize| match self.op(state, task) {
            Some(Op::Acquire(_, mode)) => mode,
            op => panic!("queued at {op:?}"),
        };
        let queued: Vec<usize> = queued(state, lock).collect();
        let Some(&first) = queued.first() else {
            return 0;
        };
        let mode = mode_of(state, first);
        if !self.is_compatible(state, lock, mode) {
            return 0;
        }
        let (mut granted, mut rest, mut length) = (0, 0, 0);
        for task in queued {
            if task == first || mode == Mode::Shared && mode_of(state, task) == Mode::Shared {
                granted |= 1 << task;
                state.position[task] += 1;
            } else {
                rest |= (task as u32 + 1) << (4 * length);
                length += 1;
            }
        }
        state.queue[lock] = rest;
        granted
    }

    /// Waits for the run that is queued, or else for the one that is under way (`start_flush_work()`).
    fn flush(&self, state: &mut State, task: usize, work: usize) -> Option<Effect> {
        let ended = state.ended[work];
        let begun = state.flushing[task] != 0;
        let target = if begun {
            state.flushing[task] - 1
        } else {
            ended + u8::from(state.position[work] != 0) + u8::from(state.pending & 1 << work != 0)
        };
        if ended >= target {
            state.flushing[task] = 0;
            state.position[task] += 1;
            return Some(Effect::Done);
        }
        state.flushing[task] = target + 1;
        (!begun).then_some(Effect::Waits)
    }

    /// Whether a step can be made at once without hiding a deadlock: nothing can prevent it, and it is in nobody's way.
    pub fn is_harmless(&self, state: &State, task: usize) -> bool {
        match self.op(state, task) {
            Some(Op::Release(_) | Op::Fork(_) | Op::Join(_)) => true,
            None => state.position[task] != 0,
            Some(_) => false,
        }
    }

    /// What a task waits for that cannot go on, and the tasks that it waits for, one bit each.
    pub fn waits_for(&self, state: &State, task: usize) -> Option<(Resources, u8)> {
        let of_task = |other: usize| (1 << (self.program.locks.len() + other), 1 << other);
        match self.op(state, task)? {
            Op::Acquire(lock, _) => {
                let bit = 1u8 << lock;
                let holds = |other: &usize| {
                    let held = self.held_by(state, *other);
                    (held.exclusive | held.shared) & bit != 0
                };
                let holders = self.tasks().filter(holds).fold(0, |all, other| all | 1 << other);
                Some((1 << lock, holders))
            }
            Op::Join(other) | Op::Flush(other) => Some(of_task(other)),
            Op::Try(..) | Op::Release(_) | Op::Fork(_) | Op::Queue(_) => None,
        }
    }

    /// What others can wait for because of this task: its locks and its own end.
    pub fn keeps(&self, state: &State, task: usize) -> Resources {
        let held = self.held_by(state, task);
        Resources::from(held.exclusive | held.shared) | 1 << (self.program.locks.len() + task)
    }
}

impl Step {
    fn done(state: State) -> Self {
        Self {
            state,
            effect: Effect::Done,
            granted: 0,
        }
    }
}

fn queued(state: &State, lock: usize) -> impl Iterator<Item = usize> {
    let queue = state.queue[lock];
    let entries = (0..8).map(move |index| queue >> (4 * index) & 0xf);
    entries.take_while(|&entry| entry != 0).map(|entry| entry as usize - 1)
}

fn is_queued(state: &State, lock: usize, task: usize) -> bool {
    state.queue[lock] != 0 && queued(state, lock).any(|other| other == task)
}

fn held(program: &Program, task: usize) -> Vec<Held> {
    let mut counts = [(0, 0); MAX_LOCKS];
    let mut modes = [const { Vec::new() }; MAX_LOCKS];
    let mut all = vec![Held::default(); 2];
    for op in &program.tasks[task].ops {
        match *op {
            Op::Acquire(lock, mode) | Op::Try(lock, mode) => modes[lock].push(mode),
            Op::Release(lock) => assert!(modes[lock].pop().is_some(), "released but not held"),
            _ => {}
        }
        let mut held = Held::default();
        for (lock, modes) in modes.iter().enumerate() {
            counts[lock] = (
                modes.iter().filter(|mode| **mode == Mode::Exclusive).count(),
                modes.iter().filter(|mode| **mode == Mode::Shared).count(),
            );
            held.exclusive |= u8::from(counts[lock].0 > 0) << lock;
            held.shared |= u8::from(counts[lock].1 > 0) << lock;
        }
        all.push(held);
    }
    assert!(modes.iter().all(Vec::is_empty), "held at the end");
    all
}

fn skips(program: &Program, task: usize) -> Vec<u8> {
    let after = |position: usize| {
        program
            .release_of(task, position)
            .map_or(0, |release| release as u8 + 2)
    };
    std::iter::once(0)
        .chain((0..program.tasks[task].ops.len()).map(after))
        .collect()
}
