//! Cycles of the order graph: strongly connected components, then the elementary cycles of each, shortest first.
//!
//! petgraph finds the components. Inside one, iterative deepening (IDA*) from each lock finds the cycles in which that lock is the
//! smallest; the distance back to the start, by breadth-first search, tells which paths cannot close in time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;

use super::level::Node;

/// Cycles that are kept, of all components together.
const MAX_CYCLES: usize = 1_000;

/// And of each component, however many there are.
const MIN_CYCLES: usize = 16;

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
pub(crate) fn find(graph: &DiGraphMap<Node, ()>, usable: impl Fn(Node, Node, &HashSet<Node>) -> bool) -> Cycles {
    // kosaraju_scc() keeps its own stack; tarjan_scc() recurses and overflows on a chain of 10^6 locks.
    let mut components: Vec<BTreeSet<Node>> = kosaraju_scc(graph)
        .into_iter()
        .filter(|locks| locks.len() > 1)
        .map(|locks| locks.into_iter().collect())
        .collect();
    components.sort();
    let limit = Limit {
        cycles: (MAX_CYCLES / components.len().max(1)).max(MIN_CYCLES),
        steps: (MAX_STEPS / components.len().max(1)).max(MIN_STEPS),
    };
    let mut cycles = Cycles::default();
    for component in &components {
        let mut search = Search {
            graph,
            component,
            usable: &usable,
            steps: 0,
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
    steps: usize,
}

struct Search<'a, U> {
    graph: &'a DiGraphMap<Node, ()>,
    component: &'a BTreeSet<Node>,
    usable: &'a U,
    steps: usize,
    found: Vec<Vec<Node>>,
    limit: Limit,
}

impl<U: Fn(Node, Node, &HashSet<Node>) -> bool> Search<'_, U> {
    /// False when a limit ended it.
    fn run(&mut self) -> bool {
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
    fn from(&mut self, start: Node, length: usize) -> Option<usize> {
        let distance = self.distances(start);
        let mut longer: Option<usize> = None;
        let mut path = vec![start];
        let mut on_path = HashSet::from([start]);
        let mut todo = vec![self.after(start, start)];
        while let Some(candidates) = todo.last_mut() {
            let Some(next) = candidates.pop() else {
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
                    self.found.push(path.clone());
                }
                continue;
            }
            let Some(back) = distance.get(&next).filter(|_| !on_path.contains(&next)) else {
                continue;
            };
            let at_least = path.len() + back;
            if at_least > length {
                longer = Some(longer.map_or(at_least, |longer| longer.min(at_least)));
                continue;
            }
            path.push(next);
            on_path.insert(next);
            if self.goes_on(&path, &on_path) {
                todo.push(self.after(next, start));
            } else {
                path.pop().map(|lock| on_path.remove(&lock));
            }
        }
        longer
    }

    /// Locks requested under one, none smaller than the start, the largest first (they are taken from the end).
    fn after(&self, lock: Node, start: Node) -> Vec<Node> {
        let mut after: Vec<_> = self
            .graph
            .neighbors(lock)
            .filter(|&next| next >= start && next != lock && self.component.contains(&next))
            .collect();
        after.sort_by(|a, b| b.cmp(a));
        after
    }

    /// Whether the newest sides of a path can be sides of a cycle through all its locks.
    fn goes_on(&self, path: &[Node], on_path: &HashSet<Node>) -> bool {
        let sides = path.windows(2).rev().take(RECENT);
        sides
            .filter_map(|side| Some((*side.first()?, *side.last()?)))
            .all(|(from, to)| (self.usable)(from, to, on_path))
    }

    /// Whether all sides of a closed path can.
    fn closes(&self, path: &[Node], on_path: &HashSet<Node>) -> bool {
        let next = path.iter().cycle().skip(1);
        path.iter()
            .zip(next)
            .all(|(&from, &to)| (self.usable)(from, to, on_path))
    }

    /// How many dependencies it takes at least to get back to the start without a smaller lock.
    fn distances(&mut self, start: Node) -> BTreeMap<Node, usize> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The cycles among nodes by number.
    fn cycles(edges: &[(u32, u32)]) -> (Vec<Vec<u32>>, u64) {
        let graph = edges.iter().map(|&(from, to)| (Node(from), Node(to), ())).collect();
        let cycles = find(&graph, |_, _, _| true);
        let numbers = |cycle: &Vec<Node>| cycle.iter().map(|node| node.0).collect();
        (cycles.found.iter().map(numbers).collect(), cycles.unfinished)
    }

    #[test]
    fn all_elementary_cycles_shortest_first() {
        let edges = [(0, 1), (1, 0), (1, 2), (2, 0), (2, 3), (3, 1), (4, 0), (5, 6), (6, 5)];
        let found = vec![vec![0, 1], vec![5, 6], vec![0, 1, 2], vec![1, 2, 3]];
        assert_eq!(cycles(&edges), (found, 0));
        assert_eq!(cycles(&[(0, 1), (1, 2), (0, 2)]), (vec![], 0));
    }

    #[test]
    fn a_complete_graph_has_as_many_as_it_must() {
        let edges: Vec<_> = (0..5)
            .flat_map(|from| (0..5).map(move |to| (from, to)))
            .filter(|(a, b)| a != b)
            .collect();
        let (found, unfinished) = cycles(&edges);
        // 10 of two locks, 20 of three, 30 of four, 24 of five.
        assert_eq!((found.len(), unfinished), (84, 0));
        let distinct: BTreeSet<_> = found.iter().collect();
        assert_eq!(distinct.len(), 84);
    }

    #[test]
    fn what_was_not_searched_is_told() {
        let edges: Vec<_> = (0..40)
            .flat_map(|from| (0..40).map(move |to| (from, to)))
            .filter(|(a, b)| a != b)
            .collect();
        let (found, unfinished) = cycles(&edges);
        assert_eq!((found.len(), unfinished), (MAX_CYCLES, 1));
        assert!(
            found.iter().take(780).all(|cycle| cycle.len() == 2),
            "the shortest first"
        );
    }

    #[test]
    fn a_long_cycle_is_found_whole() {
        let edges: Vec<_> = (0..100).map(|lock| (lock, (lock + 1) % 100)).collect();
        assert_eq!(cycles(&edges), (vec![(0..100).collect()], 0));
    }
}
