//! Cycles of the order graph: the elementary cycles of each strongly connected part, shortest first.
//!
//! What is in no such part is never looked at. Inside one, iterative deepening (IDA*) from each lock finds the cycles in which that lock is the
//! smallest; the distance back to the start, by breadth-first search, tells which paths cannot close in time.

mod part;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rustc_hash::FxHashSet;

use super::level::Node;
pub(crate) use part::{Part, Parts};

/// Cycles that are kept, of all components together.
const MAX_CYCLES: usize = 1_000;

/// And of each component, however many there are.
const MIN_CYCLES: usize = 16;

/// Sides that the cycles which are kept have, of all components together: each is a task's steps and stacks in the report.
const MAX_SIDES: usize = 1 << 15;

/// And of each component, however many there are.
const MIN_SIDES: usize = 64;

/// Steps of the search. A dense component has more cycles than anybody can list.
const MAX_STEPS: usize = 1_000_000;

/// And in each component, however many there are.
const MIN_STEPS: usize = 1_000;

/// Sides of a path that are looked at again for each lock that is added; a closed one is looked at as a whole.
const RECENT: usize = 8;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    /// Each begins with its smallest lock; no two are the same.
    pub(crate) found: Vec<Vec<Node>>,
    /// Components that were not searched to their end.
    pub(crate) unfinished: u64,
}

/// Finds the cycles of two locks and more. `usable` tells whether a dependency `from -> to` can be a side of a cycle that goes
/// through these locks.
pub(crate) fn find(parts: &[Part], usable: impl Fn(Node, Node, &FxHashSet<Node>) -> bool) -> Cycles {
    let limit = Limit {
        cycles: (MAX_CYCLES / parts.len().max(1)).max(MIN_CYCLES),
        sides: (MAX_SIDES / parts.len().max(1)).max(MIN_SIDES),
        steps: (MAX_STEPS / parts.len().max(1)).max(MIN_STEPS),
    };
    let mut cycles = Cycles::default();
    for part in parts {
        let mut search = Search {
            part,
            usable: &usable,
            distances: vec![(0, 0); part.nodes().len()],
            round: 0,
            steps: 0,
            sides: 0,
            found: Vec::new(),
            limit,
        };
        if !search.run() {
            cycles.unfinished += 1;
        }
        cycles.found.append(&mut search.found);
    }
    cycles
        .found
        .sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    cycles
}

#[derive(Clone, Copy)]
struct Limit {
    cycles: usize,
    sides: usize,
    steps: usize,
}

/// The search in one part. Nodes go by their numbers in it.
struct Search<'a, U> {
    part: &'a Part,
    usable: &'a U,
    /// How many dependencies it takes at least to get back to the start without a smaller lock, and in which round that was found.
    distances: Vec<(u32, usize)>,
    /// The number of the try with one start and one length.
    round: u32,
    steps: usize,
    /// Of the cycles that were found.
    sides: usize,
    found: Vec<Vec<Node>>,
    limit: Limit,
}

impl<U: Fn(Node, Node, &FxHashSet<Node>) -> bool> Search<'_, U> {
    /// False when a limit ended it.
    fn run(&mut self) -> bool {
        let starts = (0u32..).zip(self.part.nodes());
        let mut lengths: BinaryHeap<_> = starts.map(|(start, _)| Reverse((2, start))).collect();
        while let Some(Reverse((length, start))) = lengths.pop() {
            if let Some(longer) = self.from(start, length) {
                lengths.push(Reverse((longer, start)));
            }
            if self.ended() {
                return false;
            }
        }
        true
    }

    fn ended(&self) -> bool {
        // One cycle is kept however long it is.
        let too_long = self.found.len() > 1 && self.sides >= self.limit.sides;
        self.steps >= self.limit.steps || self.found.len() >= self.limit.cycles || too_long
    }

    /// Finds the cycles of this length in which `start` is the smallest lock; tells the next length worth a try.
    fn from(&mut self, start: u32, length: usize) -> Option<usize> {
        self.measure(start);
        let part = self.part;
        let mut longer: Option<usize> = None;
        let mut path = vec![part.node(start)];
        let mut on_path = FxHashSet::from_iter([part.node(start)]);
        let mut todo = vec![after(part, start, start)];
        while let Some(candidates) = todo.last_mut() {
            let Some(&next) = candidates.next() else {
                todo.pop();
                path.pop().map(|lock| on_path.remove(&lock));
                continue;
            };
            self.steps += 1;
            if self.ended() {
                return None;
            }
            if next == start {
                if path.len() == length && self.closes(&path, &on_path) {
                    self.sides += path.len();
                    self.found.push(path.clone());
                }
                continue;
            }
            let lock = part.node(next);
            let Some(back) = self.distance(next).filter(|_| !on_path.contains(&lock)) else {
                continue;
            };
            let at_least = path.len() + back;
            if at_least > length {
                longer = Some(longer.map_or(at_least, |longer| longer.min(at_least)));
                continue;
            }
            path.push(lock);
            on_path.insert(lock);
            if self.goes_on(&path, &on_path) {
                todo.push(after(part, next, start));
            } else {
                path.pop().map(|lock| on_path.remove(&lock));
            }
        }
        longer
    }

    /// Whether the newest sides of a path can be sides of a cycle through all its locks.
    fn goes_on(&self, path: &[Node], on_path: &FxHashSet<Node>) -> bool {
        let sides = path.windows(2).rev().take(RECENT);
        sides
            .filter_map(|side| Some((*side.first()?, *side.last()?)))
            .all(|(from, to)| (self.usable)(from, to, on_path))
    }

    /// Whether all sides of a closed path can.
    fn closes(&self, path: &[Node], on_path: &FxHashSet<Node>) -> bool {
        let next = path.iter().cycle().skip(1);
        path.iter()
            .zip(next)
            .all(|(&from, &to)| (self.usable)(from, to, on_path))
    }

    fn distance(&self, lock: u32) -> Option<usize> {
        let &(round, distance) = self.distances.get(lock as usize)?;
        (round == self.round).then_some(distance)
    }

    /// Finds the distances back to a start.
    fn measure(&mut self, start: u32) {
        self.round += 1;
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((lock, distance)) = queue.pop_front() {
            let before = self.part.predecessors(lock);
            let larger = before.partition_point(|&before| before <= start);
            for &before in before.get(larger..).unwrap_or(&[]) {
                let known = self.distances.get_mut(before as usize);
                if let Some(known) = known.filter(|(round, _)| *round != self.round) {
                    *known = (self.round, distance + 1);
                    queue.push_back((before, distance + 1));
                    self.steps += 1;
                }
            }
        }
    }
}

/// The locks requested under one, none smaller than the start, the smallest first.
fn after(part: &Part, lock: u32, start: u32) -> std::slice::Iter<'_, u32> {
    let after = part.successors(lock);
    let from = after.partition_point(|&next| next < start);
    after.get(from..).unwrap_or(&[]).iter()
}

#[cfg(test)]
mod tests;
