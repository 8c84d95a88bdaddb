//! A program: what each thread and each work item does, in a straight line.
//!
//! One line a task: `T1: M(A) R(S) -S -A queue(W1) flush(W1) fork(T2) join(T2)`. `M` mutex, `W` and `R` rwsem for write and for read,
//! `tM`, `tW`, `tR` trylocks whose section is skipped when they fail, `-A` release.

use std::fmt;

/// Bound of what a state of the machine has room for.
pub const MAX_TASKS: usize = 7;
/// Locks are `A` to `E`.
pub const MAX_LOCKS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mutex,
    Rwsem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Exclusive,
    Shared,
}

/// Locks by their number; threads and work items by the number of their task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Acquire(usize, Mode),
    Try(usize, Mode),
    Release(usize),
    Fork(usize),
    Join(usize),
    Queue(usize),
    Flush(usize),
}

impl Op {
    /// The task that it is about.
    pub fn task(self) -> Option<usize> {
        match self {
            Self::Fork(task) | Self::Join(task) | Self::Queue(task) | Self::Flush(task) => Some(task),
            Self::Acquire(..) | Self::Try(..) | Self::Release(_) => None,
        }
    }

    /// The same about another number of the task.
    pub fn about(self, task: usize) -> Self {
        match self {
            Self::Fork(_) => Self::Fork(task),
            Self::Join(_) => Self::Join(task),
            Self::Queue(_) => Self::Queue(task),
            Self::Flush(_) => Self::Flush(task),
            op => op,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// A work item runs once per queueing, a thread once.
    pub work: bool,
    pub ops: Vec<Op>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub locks: Vec<Kind>,
    pub tasks: Vec<Task>,
}

impl Program {
    /// What a task waits for when it waits for this task: `T2`, `W1`.
    pub fn task_name(&self, task: usize) -> String {
        let alike = self.tasks[..=task]
            .iter()
            .filter(|other| other.work == self.tasks[task].work);
        format!("{}{}", if self.tasks[task].work { "W" } else { "T" }, alike.count())
    }

    /// Who writes the lines of this task: a work item runs in a worker of its own.
    pub fn thread_name(&self, task: usize) -> String {
        self.task_name(task).replace('W', "worker")
    }

    /// Whether some task starts it; other threads run from the beginning.
    pub fn is_forked(&self, task: usize) -> bool {
        self.tasks.iter().any(|other| other.ops.contains(&Op::Fork(task)))
    }

    /// What can be waited for, as one bit each: the locks, then the tasks.
    pub fn resource_names(&self) -> Vec<String> {
        let locks = (0..self.locks.len()).map(lock_name);
        locks
            .chain((0..self.tasks.len()).map(|task| self.task_name(task)))
            .collect()
    }

    /// Where the lock that is taken at `position` is released: each release gives back the newest hold of its lock.
    pub fn release_of(&self, task: usize, position: usize) -> Option<usize> {
        let ops = &self.tasks[task].ops;
        let (Op::Acquire(lock, _) | Op::Try(lock, _)) = ops[position] else {
            return None;
        };
        let mut depth = 0;
        for (index, op) in ops.iter().enumerate().skip(position) {
            match *op {
                Op::Acquire(taken, _) | Op::Try(taken, _) if taken == lock => depth += 1,
                Op::Release(given) if given == lock => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(index);
            }
        }
        None
    }

    fn text(&self, op: Op) -> String {
        let take = |lock, mode| match (self.locks[lock], mode) {
            (Kind::Mutex, _) => "M",
            (Kind::Rwsem, Mode::Exclusive) => "W",
            (Kind::Rwsem, Mode::Shared) => "R",
        };
        match op {
            Op::Acquire(lock, mode) => format!("{}({})", take(lock, mode), lock_name(lock)),
            Op::Try(lock, mode) => format!("t{}({})", take(lock, mode), lock_name(lock)),
            Op::Release(lock) => format!("-{}", lock_name(lock)),
            Op::Fork(task) => format!("fork({})", self.task_name(task)),
            Op::Join(task) => format!("join({})", self.task_name(task)),
            Op::Queue(task) => format!("queue({})", self.task_name(task)),
            Op::Flush(task) => format!("flush({})", self.task_name(task)),
        }
    }
}

pub fn lock_name(lock: usize) -> String {
    ["A", "B", "C", "D", "E"][lock].to_string()
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, task) in self.tasks.iter().enumerate() {
            let ops: Vec<_> = task.ops.iter().map(|&op| self.text(op)).collect();
            writeln!(f, "{}: {}", self.task_name(index), ops.join(" "))?;
        }
        Ok(())
    }
}

/// Reads the notation; lines end with `\n` or ` / `. Threads come first, then work items.
pub fn parse(text: &str) -> Program {
    let lines: Vec<(&str, &str)> = text
        .split(['\n', '/'])
        .filter_map(|line| line.trim().split_once(':'))
        .collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    let mut program = Program {
        locks: Vec::new(),
        tasks: Vec::new(),
    };
    for (name, ops) in &lines {
        let ops = ops
            .split_whitespace()
            .map(|op| parse_op(op, &names, &mut program.locks));
        let ops = ops.collect();
        program.tasks.push(Task {
            work: name.starts_with('W'),
            ops,
        });
    }
    for (index, name) in names.iter().enumerate() {
        assert_eq!(program.task_name(index), *name, "tasks are numbered in order");
    }
    program
}

fn parse_op(op: &str, names: &[&str], locks: &mut Vec<Kind>) -> Op {
    let number = |name: &str| "ABCDE".find(name).unwrap_or_else(|| panic!("no lock {name}"));
    if let Some(lock) = op.strip_prefix('-') {
        return Op::Release(number(lock));
    }
    let (op, arg) = op.trim_end_matches(')').split_once('(').expect("OP(ARG)");
    let task = || names.iter().position(|name| *name == arg).expect("a task of this name");
    match op {
        "fork" => return Op::Fork(task()),
        "join" => return Op::Join(task()),
        "queue" => return Op::Queue(task()),
        "flush" => return Op::Flush(task()),
        _ => {}
    }
    let lock = number(arg);
    while locks.len() <= lock {
        locks.push(Kind::Mutex);
    }
    let mode = if op.ends_with('R') {
        Mode::Shared
    } else {
        Mode::Exclusive
    };
    if !op.ends_with('M') {
        locks[lock] = Kind::Rwsem;
    }
    match op {
        "M" | "W" | "R" => Op::Acquire(lock, mode),
        "tM" | "tW" | "tR" => Op::Try(lock, mode),
        _ => panic!("no such operation: {op}"),
    }
}
