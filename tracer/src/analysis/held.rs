//! Held stacks of sources that tell acquisitions one by one.
//!
//! The rules are those of `lock_acquire()` and `lock_release()` in the kernel's lockdep.c, with two additions: a request exists before
//! it is granted, and what was held before tracing began is counted, never believed.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::event::Mode;
use super::lock::LockId;
use super::stack::StackId;
use super::task::TaskId;

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
    /// A work item ends with it held.
    LeakedHold,
}

/// What a release came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// A hold of this task is gone.
    Own,
    /// A hold of another task is gone: an rwsem or a semaphore may be released by somebody else (`up_read_non_owner()`).
    Foreign,
    /// Nobody was seen to take it: held before tracing began, or the acquisition was missed.
    Unmatched,
    /// Released more often than taken.
    Imbalance,
}

/// What was not believed or did not fit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Releases of locks that nobody was seen to take.
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
    /// Work items that ended without having begun.
    pub(crate) unmatched_ends: u64,
}

/// A request that is not granted yet, or something else that a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// For what, and where.
    pub(crate) request: Taken,
    /// Since when, in ns.
    pub(crate) since_ns: u64,
    /// It was seen to wait, and not only not seen to go on.
    pub(crate) is_seen: bool,
    /// Who has the lock, where the lock itself told.
    pub(crate) owner: Option<TaskId>,
}

#[derive(Debug, Default)]
struct Task {
    held: Vec<Taken>,
    waiting: Option<Waiting>,
    /// Where it is, where that is known.
    at: Option<StackId>,
    /// Holds that did not fit: releases that match nothing may be theirs.
    overflows: u64,
    /// Every lock it ever took shared, to tell a double release from a hold that was never seen.
    took: FxHashSet<LockId>,
}

#[derive(Debug, Default)]
struct Lock {
    /// Who holds it; a task that holds it twice is in it twice.
    holders: SmallVec<[TaskId; 2]>,
    /// Nobody can hold it from before tracing began: since then it was initialised or somebody had it exclusively.
    known_free: bool,
}

/// The held stacks of all tasks.
#[derive(Debug, Default)]
pub(crate) struct HeldStacks {
    tasks: Vec<Task>,
    locks: Vec<Lock>,
    pub(crate) counts: Counts,
}

/// The place of an index, made when it is not there yet. Indices are handed out one by one, so the gap is never wide.
fn entry<T: Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if index >= list.len() {
        list.resize_with(index + 1, T::default);
    }
    #[expect(clippy::indexing_slicing, reason = "the line above makes it")]
    &mut list[index]
}

impl HeldStacks {
    /// What a task holds, in order of acquisition.
    pub(crate) fn of(&self, task: TaskId) -> &[Taken] {
        self.tasks.get(task.index()).map_or(&[], |task| &task.held)
    }

    /// What a task waits for.
    pub(crate) fn waiting(&self, task: TaskId) -> Option<Waiting> {
        self.tasks.get(task.index())?.waiting
    }

    /// All tasks that wait.
    pub(crate) fn all_waiting(&self) -> impl Iterator<Item = (TaskId, Waiting)> {
        let tasks = self.tasks.iter().enumerate();
        tasks.filter_map(|(index, task)| Some((TaskId::new(index), task.waiting?)))
    }

    /// All tasks of which it is known where they are.
    pub(crate) fn all_placed(&self) -> impl Iterator<Item = TaskId> {
        let tasks = self.tasks.iter().enumerate();
        tasks
            .filter(|(_, task)| task.at.is_some())
            .map(|(index, _)| TaskId::new(index))
    }

    /// Who holds a lock.
    pub(crate) fn holders(&self, lock: LockId) -> &[TaskId] {
        self.locks.get(lock.index()).map_or(&[], |lock| &lock.holders)
    }

    /// A task begins to wait.
    pub(crate) fn wait(&mut self, task: TaskId, request: Taken, since_ns: u64) {
        entry(&mut self.tasks, task.index()).waiting = Some(Waiting {
            request,
            since_ns,
            is_seen: false,
            owner: None,
        });
    }

    /// Where a task is, where that is known.
    pub(crate) fn at(&self, task: TaskId) -> Option<StackId> {
        self.tasks.get(task.index())?.at
    }

    /// A task holds exactly this, and waits for that, and is there.
    pub(crate) fn stall(&mut self, task: TaskId, held: Vec<Taken>, waiting: Option<Waiting>, at: StackId) {
        self.forget(task);
        for taken in held {
            self.acquire(task, taken);
        }
        let entry = entry(&mut self.tasks, task.index());
        (entry.waiting, entry.at) = (waiting, Some(at));
    }

    /// What a task holds is not known any more; tells what it waited for.
    pub(crate) fn forget(&mut self, task: TaskId) -> Option<Waiting> {
        while let Some(&Taken { lock, mode, .. }) = self.of(task).last() {
            self.take_hold(task, lock, mode);
        }
        self.go_on(task)
    }

    /// A task goes on; tells what it waited for.
    pub(crate) fn go_on(&mut self, task: TaskId) -> Option<Waiting> {
        let task = self.tasks.get_mut(task.index())?;
        task.at = None;
        task.waiting.take()
    }

    /// A task gets a lock.
    pub(crate) fn acquire(&mut self, task: TaskId, taken: Taken) {
        let lock = entry(&mut self.locks, taken.lock.index());
        let task_entry = entry(&mut self.tasks, task.index());
        if taken.mode == Mode::Exclusive {
            lock.known_free = true;
        } else {
            task_entry.took.insert(taken.lock);
        }
        if task_entry.held.len() >= MAX_HELD {
            task_entry.overflows += 1;
            self.counts.overflows += 1;
        } else {
            task_entry.held.push(taken);
            lock.holders.push(task);
        }
    }

    /// A task gives a lock back. The newest hold in that mode goes, else the newest in any.
    pub(crate) fn release(&mut self, task: TaskId, lock: LockId, mode: Mode) -> Released {
        if self.take_hold(task, lock, mode) {
            return Released::Own;
        }
        if let Some(&holder) = self.holders(lock).first() {
            self.take_hold(holder, lock, mode);
            self.counts.foreign_releases += 1;
            return Released::Foreign;
        }
        let known_free = self.locks.get(lock.index()).is_some_and(|lock| lock.known_free);
        let entry = entry(&mut self.tasks, task.index());
        if entry.overflows > 0 {
            entry.overflows -= 1;
            return Released::Own;
        }
        if known_free || entry.took.contains(&lock) {
            return Released::Imbalance;
        }
        self.counts.unmatched_releases += 1;
        Released::Unmatched
    }

    fn take_hold(&mut self, task: TaskId, lock: LockId, mode: Mode) -> bool {
        let Some(entry) = self.tasks.get_mut(task.index()) else {
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
        if let Some(lock) = self.locks.get_mut(lock.index())
            && let Some(position) = lock.holders.iter().position(|&holder| holder == task)
        {
            lock.holders.remove(position);
        }
        true
    }

    /// `downgrade_write()`: the newest exclusive hold becomes shared. Tells whether there was one.
    pub(crate) fn downgrade(&mut self, task: TaskId, lock: LockId) -> bool {
        let held = self.tasks.get_mut(task.index()).map(|task| &mut task.held);
        let newest = held.and_then(|held| {
            held.iter_mut()
                .rev()
                .find(|held| held.lock == lock && held.mode == Mode::Exclusive)
        });
        match newest {
            Some(held) => {
                held.mode = Mode::Shared;
                true
            }
            None => {
                self.counts.unmatched_downgrades += 1;
                false
            }
        }
    }

    /// The lock is gone or becomes another: nobody holds it any more. Tells whether somebody did.
    pub(crate) fn end(&mut self, lock: LockId) -> bool {
        let Some(entry) = self.locks.get_mut(lock.index()) else {
            return false;
        };
        entry.known_free = false;
        let holders = std::mem::take(&mut entry.holders);
        for holder in &holders {
            if let Some(task) = self.tasks.get_mut(holder.index()) {
                task.held.retain(|held| held.lock != lock);
            }
        }
        !holders.is_empty()
    }

    /// The lock begins its life now, so nobody can hold it yet.
    pub(crate) fn begin(&mut self, lock: LockId) {
        entry(&mut self.locks, lock.index()).known_free = true;
    }

    /// A held lock is initialised: its holders go on as if they held the new one, and will release it. Tells whether there are any.
    pub(crate) fn replace(&mut self, old: LockId, new: LockId) -> bool {
        let Some(entry_of_old) = self.locks.get_mut(old.index()) else {
            return false;
        };
        entry_of_old.known_free = false;
        let holders = std::mem::take(&mut entry_of_old.holders);
        for holder in &holders {
            if let Some(task) = self.tasks.get_mut(holder.index()) {
                task.took.insert(new);
                task.held
                    .iter_mut()
                    .filter(|held| held.lock == old)
                    .for_each(|held| held.lock = new);
            }
        }
        let held = !holders.is_empty();
        entry(&mut self.locks, new.index()).holders = holders;
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lock: usize, mode: Mode) -> Taken {
        Taken {
            lock: LockId::new(lock),
            mode,
            trylock: false,
            stack: StackId::NONE,
        }
    }

    /// One task after the other, by number.
    #[derive(Default)]
    struct Fixture(HeldStacks);

    impl Fixture {
        fn acquire(&mut self, task: usize, lock: usize, mode: Mode) {
            self.0.acquire(TaskId::new(task), taken(lock, mode));
        }

        fn release(&mut self, task: usize, lock: usize, mode: Mode) -> Released {
            self.0.release(TaskId::new(task), LockId::new(lock), mode)
        }

        fn held(&self, task: usize) -> Vec<(usize, Mode)> {
            let held = self.0.of(TaskId::new(task)).iter();
            held.map(|held| (held.lock.index(), held.mode)).collect()
        }
    }

    #[test]
    fn release_order_is_free() {
        let mut f = Fixture::default();
        (1..=3).for_each(|lock| f.acquire(1, lock, Mode::Exclusive));
        assert_eq!(f.release(1, 2, Mode::Exclusive), Released::Own);
        assert_eq!(f.held(1), [(1, Mode::Exclusive), (3, Mode::Exclusive)]);
        f.acquire(1, 2, Mode::Shared);
        assert_eq!(
            f.held(1),
            [(1, Mode::Exclusive), (3, Mode::Exclusive), (2, Mode::Shared)]
        );
        assert_eq!(f.held(2), []);
    }

    #[test]
    fn the_newest_hold_in_the_mode_of_the_release_goes() {
        let mut f = Fixture::default();
        f.acquire(1, 1, Mode::Shared);
        f.acquire(1, 1, Mode::SharedRecursive);
        f.release(1, 1, Mode::Shared);
        assert_eq!(f.held(1), [(1, Mode::SharedRecursive)]);
    }

    #[test]
    fn who_waits_is_known_until_it_goes_on() {
        let mut f = Fixture::default();
        let (task, request) = (TaskId::new(1), taken(1, Mode::Exclusive));
        assert_eq!(f.0.go_on(task), None);
        f.0.wait(task, request, 5);
        assert_eq!(f.0.all_waiting().map(|(task, _)| task).collect::<Vec<_>>(), [task]);
        assert_eq!(
            f.0.go_on(task),
            Some(Waiting {
                request,
                since_ns: 5,
                is_seen: false,
                owner: None
            })
        );
        assert_eq!(f.0.waiting(task), None);
    }

    #[test]
    fn only_what_cannot_be_from_before_the_trace_is_an_imbalance() {
        let mut f = Fixture::default();
        assert_eq!(f.release(1, 1, Mode::Exclusive), Released::Unmatched);
        assert_eq!(f.0.counts.unmatched_releases, 1);
        // Other readers can be there since before the trace.
        f.acquire(2, 2, Mode::Shared);
        f.release(2, 2, Mode::Shared);
        assert_eq!(f.release(1, 2, Mode::Shared), Released::Unmatched);
        // A writer had it alone, so there were none.
        f.acquire(2, 2, Mode::Exclusive);
        f.release(2, 2, Mode::Exclusive);
        assert_eq!(f.release(1, 2, Mode::Shared), Released::Imbalance);
    }

    #[test]
    fn what_is_too_deep_is_counted_and_its_release_is_no_imbalance() {
        let mut f = Fixture::default();
        let deep = MAX_HELD + 2;
        (0..deep).for_each(|lock| f.acquire(1, lock, Mode::Exclusive));
        assert_eq!((f.0.counts.overflows, f.held(1).len()), (2, MAX_HELD));
        for lock in (0..deep).rev() {
            assert_eq!(f.release(1, lock, Mode::Exclusive), Released::Own);
        }
        assert_eq!(f.held(1), []);
        assert_eq!(f.release(1, 0, Mode::Exclusive), Released::Imbalance);
    }
}
