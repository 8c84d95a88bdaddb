//! How long locks were waited for and held, as far as the source measures that.

use std::collections::BTreeMap;

use super::event::{DurationKey, Durations};
use super::held::Taken;
use super::lock::LockId;

/// A lock, and a place where it was waited for.
#[derive(Debug)]
pub(crate) struct Contention {
    pub(crate) request: Taken,
    pub(crate) durations: Durations,
}

/// The time that was spent.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// On waiting, by lock and place.
    pub(crate) waited: BTreeMap<DurationKey, Contention>,
    /// With a lock held.
    pub(crate) held: BTreeMap<LockId, Durations>,
}

impl Spent {
    /// A lock is waited for at a place: once, until a sum tells more.
    pub(crate) fn contended(&mut self, key: DurationKey, request: Taken) {
        self.waited.entry(key).or_insert(Contention {
            request,
            durations: Durations::default(),
        });
    }

    /// How long that was in all so far. What is left out has no place.
    pub(crate) fn waited(&mut self, key: DurationKey, durations: Durations) {
        if let Some(known) = self.waited.get_mut(&key) {
            known.durations = durations;
        }
    }

    /// How long a lock was held in all so far.
    pub(crate) fn held(&mut self, lock: LockId, durations: Durations) {
        self.held.insert(lock, durations);
    }

    /// How long each lock was waited for, wherever that was.
    pub(crate) fn waited_by_lock(&self) -> BTreeMap<LockId, Durations> {
        let mut sums: BTreeMap<LockId, Durations> = BTreeMap::new();
        for known in self.waited.values() {
            sums.entry(known.request.lock).or_default().add(&known.durations);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::event::Mode;
    use crate::analysis::stack::StackId;

    #[test]
    fn a_lock_is_waited_for_at_all_its_places() {
        let mut spent = Spent::default();
        let durations = |count, total_ns, max_ns| Durations {
            count,
            total_ns,
            max_ns,
        };
        for (key, lock) in [(1, 7), (2, 7), (3, 8)] {
            let request = Taken {
                lock: LockId::new(lock),
                mode: Mode::Exclusive,
                trylock: false,
                stack: StackId::NONE,
            };
            spent.contended(DurationKey(key), request);
        }
        spent.waited(DurationKey(1), durations(1, 5, 5));
        spent.waited(DurationKey(1), durations(2, 9, 5));
        spent.waited(DurationKey(2), durations(1, 6, 6));
        spent.waited(DurationKey(9), durations(1, 99, 99));
        let sums = spent.waited_by_lock();
        assert_eq!(sums[&LockId::new(7)], durations(3, 15, 6));
        assert_eq!(sums[&LockId::new(8)], Durations::default());
    }
}
