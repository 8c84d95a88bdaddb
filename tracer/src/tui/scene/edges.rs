//! Who depends on whom: the dependencies of each lock, found without a search.

use crate::analysis::snapshot::Snapshot;

/// The dependencies of each lock, by rows.
#[derive(Debug, Default)]
pub struct Edges {
    locks: Numbers,
    dependencies: Numbers,
    /// To each lock.
    before: Lists,
    /// From each lock.
    after: Lists,
    /// Ends of each dependency: rows of locks.
    ends: Vec<[u32; 2]>,
}

impl Edges {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let locks = Numbers::of(snapshot.locks.iter().map(|lock| lock.id));
        let row = |id| locks.row(id).unwrap_or(u32::MAX);
        let ends: Vec<_> = snapshot
            .dependencies
            .iter()
            .map(|dependency| [row(dependency.from), row(dependency.to)])
            .collect();
        let count = snapshot.locks.len();
        Self {
            before: Lists::of(count, ends.iter().map(|ends| ends[1])),
            after: Lists::of(count, ends.iter().map(|ends| ends[0])),
            dependencies: Numbers::of(snapshot.dependencies.iter().map(|dependency| dependency.id)),
            locks,
            ends,
        }
    }

    /// The row of a lock by its id.
    pub fn row(&self, id: u32) -> Option<u32> {
        self.locks.row(id)
    }

    /// The row of a dependency by its id.
    pub fn dependency_row(&self, id: u32) -> Option<u32> {
        self.dependencies.row(id)
    }

    /// The dependencies in which a lock is requested.
    pub fn before(&self, lock: u32) -> &[u32] {
        self.before.get(lock)
    }

    /// The dependencies in which a lock is held.
    pub fn after(&self, lock: u32) -> &[u32] {
        self.after.get(lock)
    }

    /// The held and the requested lock of a dependency.
    pub fn ends(&self, dependency: u32) -> Option<[u32; 2]> {
        let ends = self.ends.get(dependency as usize).copied();
        ends.filter(|ends| !ends.contains(&u32::MAX))
    }
}

/// Rows by ids. A document of tracer's own has them in order.
#[derive(Debug, Default)]
struct Numbers {
    /// Ids in order, and their rows.
    sorted: Vec<(u32, u32)>,
}

impl Numbers {
    fn of(ids: impl Iterator<Item = u32>) -> Self {
        let mut sorted: Vec<_> = ids.zip(0..).collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    fn row(&self, id: u32) -> Option<u32> {
        let place = self.sorted.binary_search_by_key(&id, |&(known, _)| known).ok()?;
        self.sorted.get(place).map(|&(_, row)| row)
    }
}

/// A list of rows for each row, in one piece of memory.
#[derive(Debug, Default)]
struct Lists {
    /// Where each begins; one more at the end.
    begins: Vec<u32>,
    rows: Vec<u32>,
}

impl Lists {
    /// Of so many lists; `of` tells for each row to which it belongs.
    fn of(count: usize, of: impl Iterator<Item = u32> + Clone) -> Self {
        let mut begins = vec![0u32; count + 1];
        let known = |&(_, list): &(u32, u32)| (list as usize) < count;
        for (_, list) in (0..).zip(of.clone()).filter(known) {
            begins[list as usize + 1] += 1;
        }
        for list in 0..count {
            begins[list + 1] += begins[list];
        }
        let mut next = begins.clone();
        let mut rows = vec![0; begins[count] as usize];
        for (row, list) in (0..).zip(of).filter(known) {
            let place = &mut next[list as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        Self { begins, rows }
    }

    fn get(&self, list: u32) -> &[u32] {
        let list = list as usize;
        let begin = self.begins.get(list).copied().unwrap_or_default() as usize;
        let end = self.begins.get(list + 1).copied().unwrap_or_default() as usize;
        self.rows.get(begin..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_its_rows_in_order() {
        let lists = Lists::of(3, [2, 0, 2, u32::MAX, 0].into_iter());
        assert_eq!(lists.get(0), [1, 4]);
        assert_eq!(lists.get(1), [0u32; 0]);
        assert_eq!(lists.get(2), [0, 2]);
        assert_eq!(lists.get(3), [0u32; 0]);
        assert_eq!(lists.get(u32::MAX - 1), [0u32; 0]);
    }

    #[test]
    fn ids_in_any_order_are_found() {
        let numbers = Numbers::of([7, 3, 9].into_iter());
        assert_eq!(
            [3, 7, 9, 4].map(|id| numbers.row(id)),
            [Some(1), Some(0), Some(2), None]
        );
    }
}
