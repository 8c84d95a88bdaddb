//! Random programs. The same class and seed give the same program.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::program::{Kind, Mode, Op, Program, Task};

/// What a program is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Mutexes and rwsems only.
    Locks,
    /// And threads that start and wait for others.
    ForkJoin,
    /// And work items.
    Work,
    /// Locks, threads and work items.
    All,
    /// Locks, some of them by trylocks.
    Trylock,
}

pub const CLASSES: [Class; 5] = [Class::Locks, Class::ForkJoin, Class::Work, Class::All, Class::Trylock];

impl Class {
    fn forks(self) -> bool {
        matches!(self, Self::ForkJoin | Self::All)
    }

    fn works(self) -> bool {
        matches!(self, Self::Work | Self::All)
    }
}

pub fn program(class: Class, seed: u64) -> Program {
    let mut rng = StdRng::seed_from_u64(seed);
    let threads = rng.random_range(2..=4);
    let works = if class.works() {
        rng.random_range(1..=(5 - threads).min(2))
    } else {
        0
    };
    let kinds = rng.random_range(2..=5usize);
    let rwsems = rng.random_range(0.0..0.9);
    let locks = (0..kinds).map(|_| {
        if rng.random_bool(rwsems) {
            Kind::Rwsem
        } else {
            Kind::Mutex
        }
    });
    let mut generator = Generator {
        locks: locks.collect(),
        any_order: rng.random_bool(0.3),
        recursion: rng.random_bool(0.1),
        nesting: rng.random_range(0.5..0.95),
        readers: rng.random_range(0.2..0.9),
        trylocks: if class == Class::Trylock { 0.3 } else { 0.0 },
        rng,
    };
    let mut tasks = Vec::new();
    for task in 0..threads + works {
        let most = if task < threads { 8 - threads } else { 3 };
        let ops = generator.sections(most);
        tasks.push(Task {
            work: task >= threads,
            ops,
        });
    }
    if class.forks() {
        generator.forks(&mut tasks, threads);
    }
    for work in threads..threads + works {
        generator.works(&mut tasks, work, threads);
    }
    Program {
        locks: generator.locks,
        tasks,
    }
}

struct Generator {
    rng: StdRng,
    locks: Vec<Kind>,
    any_order: bool,
    recursion: bool,
    nesting: f64,
    readers: f64,
    trylocks: f64,
}

impl Generator {
    /// Takes up to `most` locks, at most four at once, and gives all of them back.
    fn sections(&mut self, most: usize) -> Vec<Op> {
        let mut left = self.rng.random_range(2..=most);
        let mut ops = Vec::new();
        // Lock, and whether its section may be skipped: such a section is left in order.
        let mut held: Vec<(usize, bool)> = Vec::new();
        while left > 0 || !held.is_empty() {
            let take = left > 0 && held.len() < 4 && (held.is_empty() || self.rng.random_bool(self.nesting));
            if !take {
                ops.push(Op::Release(self.leave(&mut held)));
                continue;
            }
            left -= 1;
            if let Some(op) = self.take(&held) {
                let (Op::Acquire(lock, _) | Op::Try(lock, _)) = op else {
                    continue;
                };
                held.push((lock, matches!(op, Op::Try(..))));
                ops.push(op);
            }
        }
        ops
    }

    fn leave(&mut self, held: &mut Vec<(usize, bool)>) -> usize {
        let order = self.any_order && !held.iter().any(|(_, tried)| *tried);
        let index = if order {
            self.rng.random_range(0..held.len())
        } else {
            held.len() - 1
        };
        held.remove(index).0
    }

    fn take(&mut self, held: &[(usize, bool)]) -> Option<Op> {
        let lock = self.rng.random_range(0..self.locks.len());
        let shared = self.locks[lock] == Kind::Rwsem && self.rng.random_bool(self.readers);
        let mode = if shared { Mode::Shared } else { Mode::Exclusive };
        let again = held.iter().any(|(taken, _)| *taken == lock);
        // Shared after shared is the recursion that can go well.
        if again && !(self.recursion && (shared || self.rng.random_bool(0.1))) {
            return None;
        }
        let tried = !again && self.rng.random_bool(self.trylocks);
        Some(if tried {
            Op::Try(lock, mode)
        } else {
            Op::Acquire(lock, mode)
        })
    }

    /// A thread is forked by one before it, and mostly joined by the same.
    fn forks(&mut self, tasks: &mut [Task], threads: usize) {
        for thread in 1..threads {
            if thread > 1 && self.rng.random_bool(0.4) {
                continue;
            }
            let parent = self.rng.random_range(0..thread);
            let ops = &mut tasks[parent].ops;
            let at = self.rng.random_range(0..=ops.len());
            ops.insert(at, Op::Fork(thread));
            if self.rng.random_bool(0.75) {
                let at = self.rng.random_range(at + 1..=ops.len());
                ops.insert(at, Op::Join(thread));
            }
        }
    }

    /// A work item is queued once or twice and flushed up to twice, rarely by a work item.
    fn works(&mut self, tasks: &mut [Task], work: usize, threads: usize) {
        let queued = if self.rng.random_bool(0.25) { 2 } else { 1 };
        let flushed = self.rng.random_range(0..=2);
        for op in std::iter::repeat_n(Op::Queue(work), queued).chain(std::iter::repeat_n(Op::Flush(work), flushed)) {
            let others = matches!(op, Op::Flush(_)) && self.rng.random_bool(0.1);
            let task = self
                .rng
                .random_range(if others { threads..tasks.len() } else { 0..threads });
            let at = self.rng.random_range(0..=tasks[task].ops.len());
            tasks[task].ops.insert(at, op);
        }
    }
}
