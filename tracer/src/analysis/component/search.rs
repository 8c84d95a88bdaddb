//! The search that an edge against the order starts: forward from its target, backward from its source, in turns.
//!
//! Each side goes on from the node that is nearest to the other side in the order, by one edge at a time, and the search ends when the sides
//! have passed each other. So it costs no more than twice what the smaller side costs, whatever hub is on the other one.

use std::collections::BinaryHeap;

use super::Components;
use super::node::NONE;

/// Bits of [`super::node::Node::seen`].
pub(super) const FORWARD: u8 = 1;
pub(super) const BACKWARD: u8 = 2;
pub(super) const BOTH: u8 = FORWARD | BACKWARD;

/// What both sides have visited. Kept from one search to the next for its memory.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) forward: Side,
    pub(super) backward: Side,
    /// A node was seen from both sides: the edge closes a cycle.
    pub(super) met: bool,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            forward: Side::new(FORWARD),
            backward: Side::new(BACKWARD),
            met: false,
        }
    }
}

/// One side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    seen: u8,
    /// Components, in the order they were seen.
    pub(super) visited: Vec<Visit>,
    /// Those with edges that were not followed, the nearest to the other side on top: (its label, or for the forward side its
    /// complement, which reverses the order; its place in `visited`).
    open: BinaryHeap<(i64, usize)>,
    /// What lies beyond this label is no way to the other side's start.
    limit: i64,
}

/// A component that one side has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) component: u32,
    /// How many of its edges were followed.
    next: usize,
}

impl Side {
    fn new(seen: u8) -> Self {
        Self {
            seen,
            visited: Vec::new(),
            open: BinaryHeap::new(),
            limit: 0,
        }
    }

    /// Turns a label into its key in `open`, and back.
    fn key(&self, label: i64) -> i64 {
        if self.seen == FORWARD { !label } else { label }
    }

    /// The label of the open component that is nearest to the other side.
    fn nearest_label(&self) -> Option<i64> {
        self.open.peek().map(|&(key, _)| self.key(key))
    }

    /// The open component that is nearest to the other side.
    pub(super) fn nearest(&self) -> Option<u32> {
        let &(_, place) = self.open.peek()?;
        Some(self.visited.get(place)?.component)
    }

    fn start(&mut self, limit: i64) {
        self.visited.clear();
        self.open.clear();
        self.limit = limit;
    }
}

impl Components {
    /// Searches for a way from `target` back to `source`.
    pub(super) fn search(&mut self, source: u32, target: u32) {
        let mut search = std::mem::take(&mut self.search);
        search.met = false;
        search.forward.start(self.nodes[source].label);
        search.backward.start(self.nodes[target].label);
        self.see(&mut search.forward, target);
        self.see(&mut search.backward, source);
        while let (Some(ahead), Some(behind)) = (search.forward.nearest_label(), search.backward.nearest_label())
            && ahead < behind
        {
            search.met |= self.step(&mut search.forward);
            search.met |= self.step(&mut search.backward);
        }
        self.search = search;
    }

    /// Follows one edge. True when it leads to what the other side has seen.
    fn step(&mut self, side: &mut Side) -> bool {
        let Some(&(_, place)) = side.open.peek() else {
            return false;
        };
        let Some(visit) = side.visited.get_mut(place) else {
            return false;
        };
        match self.edge(visit.component, side.seen, visit.next) {
            Edge::None => {
                side.open.pop();
                false
            }
            Edge::Inner => false,
            Edge::To(component) => {
                visit.next += 1;
                self.see(side, component)
            }
        }
    }

    fn see(&mut self, side: &mut Side, component: u32) -> bool {
        let node = &mut self.nodes[component];
        let beyond = side.key(node.label) < side.key(side.limit);
        if beyond || node.seen & side.seen != 0 {
            return false;
        }
        node.seen |= side.seen;
        let met = node.seen == BOTH;
        side.open.push((side.key(node.label), side.visited.len()));
        side.visited.push(Visit { component, next: 0 });
        met
    }

    /// The edge number `at` of a component, to one side.
    fn edge(&mut self, component: u32, side: u8, at: usize) -> Edge {
        let node = &self.nodes[component];
        if node.outer == NONE {
            let list = if side == FORWARD {
                node.successors
            } else {
                node.predecessors
            };
            return match self.pool.slice(list).get(at) {
                Some(&neighbour) => Edge::To(self.nodes[neighbour].component),
                None => Edge::None,
            };
        }
        let Some(outer) = self.outers.get_mut(node.outer as usize) else {
            return Edge::None;
        };
        let list = if side == FORWARD {
            &mut outer.successors
        } else {
            &mut outer.predecessors
        };
        match list.get(at) {
            Some(&neighbour) if self.nodes[neighbour].component == component => {
                // Became an inner edge by a merge. It is never looked at again.
                list.swap_remove(at);
                Edge::Inner
            }
            Some(&neighbour) => Edge::To(self.nodes[neighbour].component),
            None => Edge::None,
        }
    }

    /// Whether an edge of a component to one side leads to one for which this holds.
    pub(super) fn leads_to(&self, component: u32, side: u8, holds: impl Fn(u8) -> bool) -> bool {
        let node = &self.nodes[component];
        let edges = match self.outers.get(node.outer as usize) {
            Some(outer) if side == FORWARD => &outer.successors[..],
            Some(outer) => &outer.predecessors[..],
            None if side == FORWARD => self.pool.slice(node.successors),
            None => self.pool.slice(node.predecessors),
        };
        edges
            .iter()
            .map(|&neighbour| &self.nodes[self.nodes[neighbour].component])
            .any(|neighbour| holds(neighbour.seen))
    }

    /// Makes the nodes ready for the next search.
    pub(super) fn forget(&mut self) {
        for side in [&self.search.forward, &self.search.backward] {
            for visit in &side.visited {
                self.nodes[visit.component].seen = 0;
            }
        }
    }
}

enum Edge {
    None,
    Inner,
    To(u32),
}
