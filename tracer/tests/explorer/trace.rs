//! One random schedule of a program as a text trace.

use std::fmt::Write;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::machine::{Effect, Machine, State};
use super::program::{Mode, Op, lock_name};

/// Schedules that are tried for one that does not hang.
const TRIES: u64 = 20;

#[derive(Clone, Debug)]
pub struct Trace {
    pub text: String,
    /// Every task came to its end.
    pub completed: bool,
    /// And no section was skipped: every dependency of the program is in it.
    pub whole: bool,
}

/// A schedule that shows all of the program, if one of the first does; or else one that completes.
pub fn trace(machine: &Machine<'_>, seed: u64) -> Trace {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut best = schedule(machine, &mut rng);
    for _ in 1..TRIES {
        if best.whole {
            break;
        }
        let next = schedule(machine, &mut rng);
        if next.completed || !best.completed {
            best = next;
        }
    }
    best
}

fn schedule(machine: &Machine<'_>, rng: &mut StdRng) -> Trace {
    let mut writer = Writer {
        machine,
        state: machine.start(),
        waits: [false; 8],
        skipped: false,
        text: format!("# {}\n", machine.program.to_string().trim_end().replace('\n', " / ")),
    };
    // How readily another task gets its turn.
    let switch = rng.random_range(0.05..1.0);
    let mut current = None;
    loop {
        let able: Vec<usize> = machine.tasks().filter(|&task| writer.is_able(task)).collect();
        if able.is_empty() {
            break;
        }
        let task = match current {
            Some(task) if able.contains(&task) && !rng.random_bool(switch) => task,
            _ => able[rng.random_range(0..able.len())],
        };
        current = Some(task);
        writer.advance(task);
    }
    let finished = |task| machine.is_finished(&writer.state, task);
    let completed = machine.tasks().all(finished);
    Trace {
        completed,
        whole: completed && !writer.skipped,
        text: writer.text,
    }
}

struct Writer<'m, 'p> {
    machine: &'m Machine<'p>,
    state: State,
    /// Tasks whose request, flush or join is written already.
    waits: [bool; 8],
    /// A trylock failed.
    skipped: bool,
    text: String,
}

impl Writer<'_, '_> {
    /// It can go on, or has not yet told that it cannot.
    fn is_able(&self, task: usize) -> bool {
        let told = self.waits[task] || self.machine.op(&self.state, task).is_none();
        !told || self.machine.step(&self.state, task).is_some()
    }

    fn advance(&mut self, task: usize) {
        let op = self.machine.op(&self.state, task);
        let Some(step) = self.machine.step(&self.state, task) else {
            return self.wait(task);
        };
        match (op, step.effect) {
            (_, Effect::Waits) => self.wait(task),
            (None, _) => {
                let begins = self.machine.position(&self.state, task) == 0;
                self.line(
                    task,
                    if begins { "begin" } else { "end" },
                    &self.machine.program.task_name(task),
                );
            }
            (Some(Op::Flush(_) | Op::Join(_)), _) if self.waits[task] => self.waits[task] = false,
            (Some(_), Effect::Failed) => self.skipped = true,
            (Some(op), Effect::Done) => {
                self.waits[task] = false;
                self.done(task, op);
            }
        }
        for other in self.machine.tasks().filter(|other| step.granted & 1 << other != 0) {
            self.waits[other] = false;
            if let Some(op) = self.machine.op(&self.state, other) {
                self.done(other, op);
            }
        }
        self.state = step.state;
    }

    /// Once: what cannot go on has told so, and a queued request is not made again.
    fn wait(&mut self, task: usize) {
        if let Some(step) = self.machine.step(&self.state, task) {
            self.state = step.state;
        }
        self.waits[task] = true;
        match self.machine.op(&self.state, task) {
            Some(Op::Acquire(lock, Mode::Exclusive)) => self.line(task, "req", &lock_name(lock)),
            Some(Op::Acquire(lock, Mode::Shared)) => self.line(task, "rreq", &lock_name(lock)),
            Some(op) => self.done(task, op),
            None => {}
        }
    }

    fn done(&mut self, task: usize, op: Op) {
        let program = self.machine.program;
        let (call, arg) = match op {
            Op::Acquire(lock, Mode::Exclusive) => ("acq", lock_name(lock)),
            Op::Acquire(lock, Mode::Shared) => ("racq", lock_name(lock)),
            Op::Try(lock, Mode::Exclusive) => ("try", lock_name(lock)),
            Op::Try(lock, Mode::Shared) => ("rtry", lock_name(lock)),
            Op::Release(lock) => (self.release(task, lock), lock_name(lock)),
            Op::Fork(other) => ("fork", program.task_name(other)),
            Op::Join(other) => ("join", program.task_name(other)),
            Op::Queue(work) => ("queue", program.task_name(work)),
            Op::Flush(work) => ("flush", program.task_name(work)),
        };
        self.line(task, call, &arg);
    }

    /// The release that goes with the newest hold.
    fn release(&self, task: usize, lock: usize) -> &'static str {
        let here = usize::from(self.machine.position(&self.state, task)) - 1;
        let ops = &self.machine.program.tasks[task].ops;
        let takes = (0..here).rev().find(|&index| {
            matches!(ops[index], Op::Acquire(taken, _) | Op::Try(taken, _) if taken == lock)
                && self.machine.program.release_of(task, index) == Some(here)
        });
        match takes.map(|index| ops[index]) {
            Some(Op::Acquire(_, Mode::Shared) | Op::Try(_, Mode::Shared)) => "rrel",
            _ => "rel",
        }
    }

    fn line(&mut self, task: usize, call: &str, arg: &str) {
        let thread = self.machine.program.thread_name(task);
        let position = self.machine.position(&self.state, task);
        writeln!(self.text, "{thread}|{call}({arg})|{position}").expect("a string takes every line");
    }
}
