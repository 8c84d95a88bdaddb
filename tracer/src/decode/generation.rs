//! Locks whose initialisation was told nowhere: the ring was full, and the memory is another lock all the same.
//!
//! Each chain carries the generations of its locks, which count initialisations. Where one counts more of them than were told, every lock that shares its
//! cell may have been initialised, and is another one from here on: better two halves of one lock than one of two.

use std::collections::{BTreeSet, HashMap};

use tracer_common::generation::{cell, initialisations};

/// Kernel and modules are above this address (`Documentation/arch/x86/x86_64/mm.rst`): variables, which last as long as their module.
const KERNEL: u64 = 0xffff_ffff_8000_0000;

/// Initialisations by cell.
#[derive(Default)]
pub(super) struct Generations {
    cells: HashMap<u32, Cell>,
}

#[derive(Default)]
struct Cell {
    /// How many are accounted for.
    initialisations: u64,
    locks: BTreeSet<u64>,
}

impl Generations {
    /// A lock was taken in this generation: the locks that are others than were known under their address.
    pub(super) fn taken(&mut self, lock: u64, generation: u64) -> BTreeSet<u64> {
        if lock >= KERNEL {
            return BTreeSet::new();
        }
        let cell = self.cells.entry(cell(lock)).or_default();
        let lost = cell.lost(initialisations(generation));
        cell.locks.insert(lock);
        lost
    }

    /// A lock is initialised, and this generation begins: the same.
    pub(super) fn begins(&mut self, lock: u64, generation: u64) -> BTreeSet<u64> {
        let cell = self.cells.entry(cell(lock)).or_default();
        let told = initialisations(generation);
        let mut lost = cell.lost(told.saturating_sub(1));
        cell.initialisations = cell.initialisations.max(told);
        cell.locks.remove(&lock);
        lost.remove(&lock);
        lost
    }
}

impl Cell {
    fn lost(&mut self, initialisations: u64) -> BTreeSet<u64> {
        if initialisations <= self.initialisations {
            return BTreeSet::new();
        }
        self.initialisations = initialisations;
        std::mem::take(&mut self.locks)
    }
}

#[cfg(test)]
mod tests {
    use tracer_common::generation::{ONE, TAKEN};

    use super::*;

    const LOCK: u64 = 0xffff_8880_0000_2000;

    fn generation(initialisations: u64) -> u64 {
        initialisations * ONE + TAKEN
    }

    /// Another lock of the same cell.
    fn neighbour() -> u64 {
        (1..)
            .map(|step| LOCK + step * 8)
            .find(|&other| cell(other) == cell(LOCK))
            .unwrap()
    }

    #[test]
    fn what_is_told_loses_nothing() {
        let mut generations = Generations::default();
        assert!(generations.taken(LOCK, generation(0)).is_empty());
        assert!(generations.begins(LOCK, ONE).is_empty());
        assert!(generations.taken(LOCK, generation(1)).is_empty());
        assert!(generations.taken(neighbour(), generation(1)).is_empty());
        assert!(generations.begins(neighbour(), 2 * ONE).is_empty());
        assert!(generations.taken(LOCK, generation(2)).is_empty());
    }

    #[test]
    fn one_initialisation_too_many_makes_all_locks_of_the_cell_others() {
        let mut generations = Generations::default();
        generations.taken(LOCK, generation(0));
        generations.taken(neighbour(), generation(0));
        let lost = generations.taken(LOCK, generation(1));
        assert_eq!(lost, BTreeSet::from([LOCK, neighbour()]));
        assert!(generations.taken(LOCK, generation(1)).is_empty(), "once");
        generations.taken(neighbour(), generation(1));
        // The second of three is told: the first and the lock's own.
        assert_eq!(generations.begins(LOCK, 3 * ONE), BTreeSet::from([neighbour()]));
    }

    #[test]
    fn a_late_record_and_a_variable_lose_nothing() {
        let mut generations = Generations::default();
        generations.taken(LOCK, generation(1));
        assert!(generations.begins(LOCK, ONE).is_empty());
        assert!(generations.taken(KERNEL + 0x1000, generation(7)).is_empty());
    }
}
