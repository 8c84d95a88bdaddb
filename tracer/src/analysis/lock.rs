//! Locks and their generations: a key that is freed or initialised again is another lock.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::event::{LockKey, LockKind, LockName};
use super::stack::StackId;
use super::task::TaskRef;

/// One lock object: a key and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LockId(pub(crate) u32);

impl LockId {
    /// The n-th lock.
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Which one it is, from 0.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How many exclusive requesters of a lock are remembered.
const MAX_WRITERS: usize = 8;

/// What is known of a lock.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Its address, or what stands for one.
    pub(crate) key: LockKey,
    /// What it is.
    pub(crate) kind: LockKind,
    /// What people call it, when the source has told.
    pub(crate) name: Option<LockName>,
    /// Tasks that requested it exclusively and so could be queued, with the first place they did it at.
    pub(crate) writers: BTreeMap<TaskRef, StackId>,
    /// Whether it was part of a chain or a step yet.
    used: bool,
}

/// All locks ever seen.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    locks: Vec<Lock>,
    current: FxHashMap<LockKey, LockId>,
}

impl Locks {
    /// The lock that a key means now; from here on it counts as used.
    pub(crate) fn used(&mut self, key: LockKey) -> LockId {
        let id = self.current(key);
        if let Some(lock) = self.locks.get_mut(id.0 as usize) {
            lock.used = true;
        }
        id
    }

    /// The lock that a key means now, if there is one.
    pub(crate) fn known(&self, key: LockKey) -> Option<LockId> {
        self.current.get(&key).copied()
    }

    fn current(&mut self, key: LockKey) -> LockId {
        if let Some(&id) = self.current.get(&key) {
            return id;
        }
        let id = self.add(key, LockKind::Unknown, false);
        self.current.insert(key, id);
        id
    }

    fn add(&mut self, key: LockKey, kind: LockKind, used: bool) -> LockId {
        let id = LockId::new(self.locks.len());
        self.locks.push(Lock {
            key,
            kind,
            name: None,
            writers: BTreeMap::new(),
            used,
        });
        id
    }

    /// What stands for the end of a thread. It has no key.
    pub(crate) fn thread(&mut self, name: String) -> LockId {
        let id = self.add(LockKey(0), LockKind::Thread, true);
        if let Some(lock) = self.locks.get_mut(id.index()) {
            lock.name = Some(LockName {
                class: name.clone(),
                name,
                label: None,
                named_by: None,
            });
        }
        id
    }

    /// Whether it is no lock but something that is waited for.
    pub(crate) fn is_wait(&self, id: LockId) -> bool {
        self.get(id).is_some_and(|lock| lock.kind.is_wait())
    }

    /// Names the lock that the key means now.
    pub(crate) fn name(&mut self, key: LockKey, kind: LockKind, name: LockName) {
        let id = self.current(key);
        if let Some(lock) = self.locks.get_mut(id.0 as usize) {
            lock.kind = kind;
            lock.name = Some(name);
        }
    }

    /// Ends the key's generation and gives the lock it was, if it was ever used. A lock that nobody used yet stays: it is the one
    /// that is initialised now.
    pub(crate) fn end(&mut self, key: LockKey) -> Option<LockId> {
        let id = *self.current.get(&key)?;
        if !self.get(id).is_some_and(|lock| lock.used) {
            return None;
        }
        self.current.remove(&key)
    }

    /// What is known of a lock.
    pub(crate) fn get(&self, id: LockId) -> Option<&Lock> {
        self.locks.get(id.0 as usize)
    }

    /// Whether both are wound/wait mutexes, which back off instead of blocking each other.
    pub(crate) fn back_off(&self, a: LockId, b: LockId) -> bool {
        [a, b]
            .into_iter()
            .all(|id| self.get(id).is_some_and(|lock| lock.kind == LockKind::WwMutex))
    }

    /// Remembers who requests it exclusively.
    pub(crate) fn add_writer(&mut self, id: LockId, task: TaskRef, stack: StackId) {
        if let Some(lock) = self.locks.get_mut(id.0 as usize)
            && (lock.writers.len() < MAX_WRITERS || lock.writers.contains_key(&task))
        {
            lock.writers.entry(task).or_insert(stack);
        }
    }
}
