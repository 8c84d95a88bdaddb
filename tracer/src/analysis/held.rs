//! Held stacks of sources that tell acquisitions one by one: steps in, chains out.
//!
//! The rules are those of `lock_acquire()` and `lock_release()` in the kernel's lockdep.c, with two additions: a request exists before
//! it is granted, and what was held before tracing began is counted, never believed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::event::Mode;
use super::lock::LockId;
use super::stack::StackId;
use super::task::{TaskId, TaskRef};

/// Depth of a held stack; lockdep's is 48 (`MAX_LOCK_DEPTH`).
pub(crate) const MAX_HELD: usize = 64;

/// A lock in a held stack, or the one requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Taken {
    /// The lock.
    pub(crate) lock: LockId,
    /// How.
    pub(crate) mode: Mode,
    /// By a trylock.
    pub(crate) trylock: bool,
    /// Where.
    pub(crate) stack: StackId,
}

/// Breach of a rule that a single step shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Breach {
    /// Released more often than taken.
    UnlockImbalance,
    /// Initialised while somebody holds it.
    InitHeld,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing to tell.
    Nothing,
    /// A request on top of these held locks.
    Request(Vec<Taken>),
    /// A breach by this task.
    Breach(Breach),
}

/// What was not believed or did not fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Releases of locks that nobody was seen to take: held before tracing began, or the acquisition was missed.
    pub(crate) unmatched_releases: u64,
    /// Releases by another task than the taker.
    pub(crate) foreign_releases: u64,
    /// Holds beyond the depth that is kept.
    pub(crate) overflows: u64,
    /// Locks freed while held.
    pub(crate) freed_held: u64,
    /// Downgrades of locks that are not held exclusively.
    pub(crate) unmatched_downgrades: u64,
    /// Failures of requests that nobody made.
    pub(crate) unmatched_failures: u64,
}

#[derive(Debug, Default)]
struct Task {
    held: Vec<Taken>,
    pending: Option<(LockId, Mode)>,
    /// Holds that did not fit: releases that match nothing may be theirs.
    overflows: u64,
    /// Every lock it ever took, to tell a double release from a hold that was never seen.
    took: HashSet<LockId>,
}

/// The held stacks of all tasks.
#[derive(Debug, Default)]
pub(crate) struct HeldStacks {
    tasks: BTreeMap<TaskId, Task>,
    /// Who holds a lock; a task that holds it twice is in it twice.
    holders: HashMap<LockId, Vec<TaskId>>,
    /// Locks that nobody can hold from before tracing began: since then they were initialised or somebody had them exclusively.
    known_free: HashSet<LockId>,
    pub(crate) counts: Counts,
}

impl HeldStacks {
    /// A task asks for a lock.
    pub(crate) fn request(&mut self, task: TaskRef, taken: Taken) -> Outcome {
        let entry = self.tasks.entry(task.id).or_default();
        entry.pending = Some((taken.lock, taken.mode));
        Outcome::Request(entry.held.clone())
    }

    /// A task gets a lock; without a request before it, both at once.
    pub(crate) fn acquire(&mut self, task: TaskRef, taken: Taken) -> Outcome {
        let entry = self.tasks.entry(task.id).or_default();
        let asked = entry.pending.take() == Some((taken.lock, taken.mode));
        let outcome = if asked {
            Outcome::Nothing
        } else {
            Outcome::Request(entry.held.clone())
        };
        entry.took.insert(taken.lock);
        if taken.mode == Mode::Exclusive {
            self.known_free.insert(taken.lock);
        }
        if entry.held.len() >= MAX_HELD {
            entry.overflows += 1;
            self.counts.overflows += 1;
        } else {
            entry.held.push(taken);
            self.holders.entry(taken.lock).or_default().push(task.id);
        }
        outcome
    }

    /// A task gives a lock back. The newest hold in that mode goes, else the newest in any.
    pub(crate) fn release(&mut self, task: TaskRef, lock: LockId, mode: Mode) -> Outcome {
        if self.take_hold(task.id, lock, mode) {
            return Outcome::Nothing;
        }
        // An rwsem or a semaphore may be released by somebody else (`up_read_non_owner()`): the hold is gone all the same.
        if let Some(&holder) = self.holders.get(&lock).and_then(|holders| holders.first()) {
            self.take_hold(holder, lock, mode);
            self.counts.foreign_releases += 1;
            return Outcome::Nothing;
        }
        let entry = self.tasks.entry(task.id).or_default();
        if entry.overflows > 0 {
            entry.overflows -= 1;
            return Outcome::Nothing;
        }
        if entry.took.contains(&lock) || self.known_free.contains(&lock) {
            return Outcome::Breach(Breach::UnlockImbalance);
        }
        self.counts.unmatched_releases += 1;
        Outcome::Nothing
    }

    fn take_hold(&mut self, task: TaskId, lock: LockId, mode: Mode) -> bool {
        let Some(entry) = self.tasks.get_mut(&task) else {
            return false;
        };
        let newest = entry
            .held
            .iter()
            .rposition(|held| held.lock == lock && held.mode == mode);
        let Some(position) = newest.or_else(|| entry.held.iter().rposition(|held| held.lock == lock)) else {
            return false;
        };
        entry.held.remove(position);
        self.forget_holder(task, lock);
        true
    }

    fn forget_holder(&mut self, task: TaskId, lock: LockId) {
        if let Some(holders) = self.holders.get_mut(&lock) {
            if let Some(position) = holders.iter().position(|&holder| holder == task) {
                holders.remove(position);
            }
            if holders.is_empty() {
                self.holders.remove(&lock);
            }
        }
    }

    /// The pending request was given up: nothing is held.
    pub(crate) fn fail(&mut self, task: TaskRef, lock: LockId) {
        let entry = self.tasks.entry(task.id).or_default();
        if entry.pending.is_some_and(|(pending, _)| pending == lock) {
            entry.pending = None;
        } else {
            self.counts.unmatched_failures += 1;
        }
    }

    /// `downgrade_write()`: the newest exclusive hold becomes shared.
    pub(crate) fn downgrade(&mut self, task: TaskRef, lock: LockId) {
        let entry = self.tasks.entry(task.id).or_default();
        match entry
            .held
            .iter_mut()
            .rev()
            .find(|held| held.lock == lock && held.mode == Mode::Exclusive)
        {
            Some(held) => held.mode = Mode::Shared,
            None => self.counts.unmatched_downgrades += 1,
        }
    }

    /// The lock is gone or becomes another: nobody holds it any more. Tells whether somebody did.
    pub(crate) fn end(&mut self, lock: LockId) -> bool {
        self.known_free.remove(&lock);
        let Some(holders) = self.holders.remove(&lock) else {
            return false;
        };
        for holder in &holders {
            if let Some(entry) = self.tasks.get_mut(holder) {
                entry.held.retain(|held| held.lock != lock);
            }
        }
        true
    }

    /// The lock begins its life now, so nobody can hold it yet.
    pub(crate) fn begin(&mut self, lock: LockId) {
        self.known_free.insert(lock);
    }

    /// A held lock is initialised: its holders go on as if they held the new one, and will release it. Tells whether there are any.
    pub(crate) fn replace(&mut self, old: LockId, new: LockId) -> bool {
        let Some(holders) = self.holders.remove(&old) else {
            return false;
        };
        for holder in &holders {
            if let Some(entry) = self.tasks.get_mut(holder) {
                entry.took.insert(new);
                entry
                    .held
                    .iter_mut()
                    .filter(|held| held.lock == old)
                    .for_each(|held| held.lock = new);
            }
        }
        self.holders.insert(new, holders);
        self.known_free.remove(&old);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::{LockKey, TaskKey};
    use crate::analysis::lock::Locks;
    use crate::analysis::stack::Stacks;
    use crate::analysis::task::Tasks;

    struct Fixture {
        held: HeldStacks,
        locks: Locks,
        tasks: Tasks,
        stacks: Stacks,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                held: HeldStacks::default(),
                locks: Locks::default(),
                tasks: Tasks::default(),
                stacks: Stacks::default(),
            }
        }

        fn taken(&mut self, lock: u64, mode: Mode) -> Taken {
            Taken {
                lock: self.locks.used(LockKey(lock)),
                mode,
                trylock: false,
                stack: self.stacks.add(&[]),
            }
        }

        fn acquire(&mut self, task: u64, lock: u64, mode: Mode) -> Outcome {
            let taken = self.taken(lock, mode);
            self.held.acquire(self.tasks.now(TaskKey(task)), taken)
        }

        fn release(&mut self, task: u64, lock: u64, mode: Mode) -> Outcome {
            let taken = self.taken(lock, mode);
            self.held.release(self.tasks.now(TaskKey(task)), taken.lock, mode)
        }

        /// The locks that a request now would be on top of.
        fn held_by(&mut self, task: u64) -> Vec<(LockId, Mode)> {
            let taken = self.taken(999, Mode::Exclusive);
            match self.held.request(self.tasks.now(TaskKey(task)), taken) {
                Outcome::Request(held) => held.iter().map(|held| (held.lock, held.mode)).collect(),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn release_order_is_free() {
        let mut f = Fixture::new();
        let [a, b, c] = [1, 2, 3].map(|lock| f.taken(lock, Mode::Exclusive).lock);
        (1..=3).for_each(|lock| drop(f.acquire(1, lock, Mode::Exclusive)));
        f.release(1, 2, Mode::Exclusive);
        assert_eq!(f.held_by(1), [(a, Mode::Exclusive), (c, Mode::Exclusive)]);
        f.acquire(1, 2, Mode::Shared);
        assert_eq!(
            f.held_by(1),
            [(a, Mode::Exclusive), (c, Mode::Exclusive), (b, Mode::Shared)]
        );
        assert_eq!(f.held_by(2), []);
    }

    #[test]
    fn the_newest_hold_in_the_mode_of_the_release_goes() {
        let mut f = Fixture::new();
        let a = f.taken(1, Mode::Shared).lock;
        f.acquire(1, 1, Mode::Shared);
        f.acquire(1, 1, Mode::SharedRecursive);
        f.release(1, 1, Mode::Shared);
        assert_eq!(f.held_by(1), [(a, Mode::SharedRecursive)]);
    }

    #[test]
    fn an_acquisition_after_its_request_is_no_second_request() {
        let mut f = Fixture::new();
        let taken = f.taken(1, Mode::Exclusive);
        let task = f.tasks.now(TaskKey(1));
        assert_eq!(f.held.request(task, taken), Outcome::Request(vec![]));
        assert_eq!(f.acquire(1, 1, Mode::Exclusive), Outcome::Nothing);
        assert_eq!(f.acquire(1, 2, Mode::Exclusive), Outcome::Request(vec![taken]));
    }

    #[test]
    fn only_what_cannot_be_from_before_the_trace_is_an_imbalance() {
        let mut f = Fixture::new();
        assert_eq!(f.release(1, 1, Mode::Exclusive), Outcome::Nothing);
        assert_eq!(f.held.counts.unmatched_releases, 1);
        // Other readers can be there since before the trace.
        f.acquire(2, 2, Mode::Shared);
        f.release(2, 2, Mode::Shared);
        assert_eq!(f.release(1, 2, Mode::Shared), Outcome::Nothing);
        // A writer had it alone, so there were none.
        f.acquire(2, 2, Mode::Exclusive);
        f.release(2, 2, Mode::Exclusive);
        assert_eq!(f.release(1, 2, Mode::Shared), Outcome::Breach(Breach::UnlockImbalance));
    }

    #[test]
    fn what_is_too_deep_is_counted_and_its_release_is_no_imbalance() {
        let mut f = Fixture::new();
        let deep = MAX_HELD as u64 + 2;
        (0..deep).for_each(|lock| drop(f.acquire(1, lock, Mode::Exclusive)));
        assert_eq!((f.held.counts.overflows, f.held_by(1).len()), (2, MAX_HELD));
        for lock in (0..deep).rev() {
            assert_eq!(f.release(1, lock, Mode::Exclusive), Outcome::Nothing);
        }
        assert_eq!(f.held_by(1), []);
        assert_eq!(
            f.release(1, 0, Mode::Exclusive),
            Outcome::Breach(Breach::UnlockImbalance)
        );
    }
}
