//! Cycles of the order graph: strongly connected components, then the elementary cycles of each, shortest first.
//!
//! petgraph finds the components. Inside one, iterative deepening (IDA*) from each lock finds the cycles in which that lock is the
//! smallest; the distance back to the start, by breadth-first search, tells which paths cannot close in time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;

use super::lock::LockId;

/// Cycles that are kept.
const MAX_CYCLES: usize = 1_000;

/// Steps of the search. A dense component has more cycles than anybody can list.
const MAX_STEPS: usize = 1_000_000;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    /// Each begins with its smallest lock; no two are the same.
    pub(crate) found: Vec<Vec<LockId>>,
    /// Components that were not searched to their end.
    pub(crate) unfinished: u64,
}

/// Finds the cycles of two locks and more. `usable` tells whether a dependency `from -> to` can be a side of a cycle that goes
/// through these locks.
pub(crate) fn find(graph: &DiGraphMap<LockId, ()>, usable: impl Fn(LockId, LockId, &[LockId]) -> bool) -> Cycles {
    // kosaraju_scc() keeps its own stack; tarjan_scc() recurses and overflows on a chain of 10^6 locks.
    let mut components: Vec<BTreeSet<LockId>> = kosaraju_scc(graph)
        .into_iter()
        .filter(|locks| locks.len() > 1)
        .map(|locks| locks.into_iter().collect())
        .collect();
    components.sort();
    let mut cycles = Cycles::default();
    let limit = Limit {
        cycles: MAX_CYCLES,
        steps: MAX_STEPS / components.len().max(1),
    };
    for component in &components {
        let mut search = Search {
            graph,
            component,
            usable: &usable,
            steps: 0,
            found: Vec::new(),
            limit,
        };
        if !search.run(MAX_CYCLES.saturating_sub(cycles.found.len())) {
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
    steps: usize,
}

struct Search<'a, U> {
    graph: &'a DiGraphMap<LockId, ()>,
    component: &'a BTreeSet<LockId>,
    usable: &'a U,
    steps: usize,
    found: Vec<Vec<LockId>>,
    limit: Limit,
}

impl<U: Fn(LockId, LockId, &[LockId]) -> bool> Search<'_, U> {
    /// False when a limit ended it.
    fn run(&mut self, cycles: usize) -> bool {
        self.limit.cycles = cycles;
        let mut lengths: BinaryHeap<_> = self.component.iter().map(|&start| Reverse((2, start))).collect();
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
        self.steps >= self.limit.steps || self.found.len() >= self.limit.cycles
    }

    /// Finds the cycles of this length in which `start` is the smallest lock; tells the next length worth a try.
    fn from(&mut self, start: LockId, length: usize) -> Option<usize> {
        let distance = self.distances(start);
        let mut longer: Option<usize> = None;
        let mut path = vec![start];
        let mut todo = vec![self.after(start, start)];
        while let Some(candidates) = todo.last_mut() {
            let Some(next) = candidates.pop() else {
                todo.pop();
                path.pop();
                continue;
            };
            self.steps += 1;
            if self.ended() {
                return None;
            }
            if next == start {
                if path.len() == length && self.is_usable(&path, true) {
                    self.found.push(path.clone());
                }
                continue;
            }
            let Some(back) = distance.get(&next).filter(|_| !path.contains(&next)) else {
                continue;
            };
            let at_least = path.len() + back;
            if at_least > length {
                longer = Some(longer.map_or(at_least, |longer| longer.min(at_least)));
                continue;
            }
            path.push(next);
            if self.is_usable(&path, false) {
                todo.push(self.after(next, start));
            } else {
                path.pop();
            }
        }
        // A path that closes early goes round again one longer, if at all.
        longer
    }

    /// Locks requested under one, none smaller than the start, the largest first (they are taken from the end).
    fn after(&self, lock: LockId, start: LockId) -> Vec<LockId> {
        let mut after: Vec<_> = self
            .graph
            .neighbors(lock)
            .filter(|&next| next >= start && next != lock && self.component.contains(&next))
            .collect();
        after.sort_by(|a, b| b.cmp(a));
        after
    }

    fn is_usable(&self, path: &[LockId], closed: bool) -> bool {
        let sides = path.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
        let closing = path.last().copied().zip(path.first().copied()).filter(|_| closed);
        sides.chain(closing).all(|(from, to)| (self.usable)(from, to, path))
    }

    /// How many dependencies it takes at least to get back to the start without a smaller lock.
    fn distances(&mut self, start: LockId) -> BTreeMap<LockId, usize> {
        let mut distances = BTreeMap::from([(start, 0)]);
        let mut queue = VecDeque::from([(start, 0)]);
        while let Some((lock, distance)) = queue.pop_front() {
            for before in self.graph.neighbors_directed(lock, Direction::Incoming) {
                if before > start && self.component.contains(&before) && !distances.contains_key(&before) {
                    distances.insert(before, distance + 1);
                    queue.push_back((before, distance + 1));
                    self.steps += 1;
                }
            }
        }
        distances
    }
}
