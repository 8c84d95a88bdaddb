//! Many small lists that grow, in one block of memory: 8 bytes a list, and no allocation of its own for each.

/// Smallest room of a list; starts are counted in it, so that 32 bits are enough for 2^33 entries.
const UNIT: usize = 2;

/// A list in a [`Pool`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    /// In units.
    start: u32,
    length: u32,
}

impl List {
    pub(super) fn len(self) -> usize {
        self.length as usize
    }

    /// The room it has is the next power of two, so it is full when it has grown to one.
    fn is_full(self) -> bool {
        self.length == 0 || (self.len() >= UNIT && self.length.is_power_of_two())
    }
}

/// The memory of all lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    entries: Vec<u32>,
    /// Room that lists have grown out of, by the power of two that it holds.
    free: [Vec<u32>; 32],
}

impl Pool {
    pub(super) fn slice(&self, list: List) -> &[u32] {
        let start = list.start as usize * UNIT;
        self.entries.get(start..start + list.len()).unwrap_or(&[])
    }

    pub(super) fn push(&mut self, list: &mut List, entry: u32) {
        if list.is_full() {
            self.grow(list);
        }
        let end = list.start as usize * UNIT + list.len();
        if let Some(place) = self.entries.get_mut(end) {
            *place = entry;
            list.length += 1;
        }
    }

    /// Moves a list to where there is twice the room.
    fn grow(&mut self, list: &mut List) {
        let room = (list.len() * 2).max(UNIT);
        let reused = self.free.get_mut(room.ilog2() as usize).and_then(Vec::pop);
        let start = reused.unwrap_or_else(|| {
            let start = self.entries.len() / UNIT;
            self.entries.resize(self.entries.len() + room, 0);
            u32::try_from(start).unwrap_or(u32::MAX)
        });
        if list.length > 0 {
            let old = list.start as usize * UNIT;
            self.entries.copy_within(old..old + list.len(), start as usize * UNIT);
            if let Some(free) = self.free.get_mut(list.length.ilog2() as usize) {
                free.push(list.start);
            }
        }
        list.start = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_grow_side_by_side_and_keep_what_they_hold() {
        let mut pool = Pool::default();
        let mut lists = [List::default(); 7];
        for entry in 0..1000 {
            for (number, list) in (0u32..).zip(&mut lists) {
                if entry % (number + 1) == 0 {
                    pool.push(list, entry);
                }
            }
        }
        for (number, list) in (1u32..).zip(lists) {
            let multiples: Vec<_> = (0..1000).filter(|entry| entry % number == 0).collect();
            assert_eq!(pool.slice(list), multiples);
        }
    }

    #[test]
    fn room_is_used_again() {
        let mut pool = Pool::default();
        let mut first = List::default();
        (0..64).for_each(|entry| pool.push(&mut first, entry));
        let before = pool.entries.len();
        let mut second = List::default();
        (0..32).for_each(|entry| pool.push(&mut second, entry));
        assert_eq!(pool.entries.len(), before);
        assert_eq!(pool.slice(second), (0..32).collect::<Vec<_>>());
    }
}
