//! Strongly connected components of a graph that only grows, known after every edge.
//!
//! A cycle closes where two locks come to be in one component, so the cycle search has to run on that component only, and only
//! then. Nearly all edges close nothing, and those must be cheap.
//!
//! The components are kept in a topological order. An edge along the order costs nothing more; an edge against it starts a
//! search from both its ends, bounded by the order, that takes turns edge by edge. What it visited is put in order again; what
//! lies on a way back becomes one component. This is the two-way compatible search of Haeupler, Kavitha, Mathew, Sen and Tarjan,
//! *Incremental Cycle Detection, Topological Ordering, and Strong Component Maintenance* (ACM Transactions on Algorithms 8, 2012),
//! which goes back to Alpern, Hoover, Rosen, Sweeney and Zadeck (SODA 1990). Pearce and Kelly, *A Dynamic Topological Sort Algorithm for
//! Directed Acyclic Graphs* (ACM Journal of Experimental Algorithmics 11, 2006), search each side to its end, which costs more where a
//! lock has many neighbours. The order is a list with number labels (Dietz and Sleator, STOC 1987).
//!
//! petgraph's `acyclic::Acyclic` refuses the edge that closes a cycle. Here it is kept: cycles are what is looked for. `docs/benchmarks.md`
//! compares the two.

mod list;
mod merge;
mod node;
mod order;
mod search;

use list::Pool;
use merge::Outer;
use node::Nodes;
use order::Order;
use search::Search;

/// A growing graph and its components. Nodes are small numbers; all numbers up to the largest take memory.
#[derive(Clone, Debug, Default)]
pub struct Components {
    nodes: Nodes,
    /// The neighbours of each node.
    pool: Pool,
    /// The neighbours of each component of two nodes and more.
    outers: Vec<Outer>,
    /// Places in `outers` that are free.
    free_outers: Vec<u32>,
    order: Order,
    search: Search,
}

/// What an edge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It closes no cycle.
    Open,
    /// It joins two nodes that are in one component already: there are cycles through it.
    Inside(u32),
    /// It closes the first cycle between some components; they are this one now.
    Merged(u32),
}

impl Change {
    /// The component in which there are new cycles.
    pub fn component(self) -> Option<u32> {
        match self {
            Self::Open => None,
            Self::Inside(component) | Self::Merged(component) => Some(component),
        }
    }
}

impl Components {
    /// Adds an edge. An edge that is there already is stored a second time: who has duplicates knows them by a table of his own,
    /// and this needs none. An edge from a node to itself is not stored.
    pub fn insert(&mut self, from: u32, to: u32) -> Change {
        if from == to {
            return Change::Open;
        }
        self.nodes.reach(from.max(to));
        // Seen first as a source, before everything; seen first as a target, after everything. So most first edges go along the order.
        if !self.nodes[from].placed {
            self.order.place_first(&mut self.nodes, from);
        }
        if !self.nodes[to].placed {
            self.order.place_last(&mut self.nodes, to);
        }
        let (source, target) = (self.nodes[from].component, self.nodes[to].component);
        let change = if source == target {
            Change::Inside(source)
        } else if self.nodes[source].label < self.nodes[target].label {
            Change::Open
        } else {
            self.reorder(source, target)
        };
        self.keep(from, to);
        change
    }

    /// Puts the edge into the lists.
    fn keep(&mut self, from: u32, to: u32) {
        let source = &mut self.nodes[from];
        let from_component = source.component;
        self.pool.push(&mut source.successors, to);
        let target = &mut self.nodes[to];
        let to_component = target.component;
        self.pool.push(&mut target.predecessors, from);
        if from_component == to_component {
            return;
        }
        if let Some(outer) = self.outers.get_mut(self.nodes[from_component].outer as usize) {
            outer.successors.push(to);
        }
        if let Some(outer) = self.outers.get_mut(self.nodes[to_component].outer as usize) {
            outer.predecessors.push(from);
        }
    }

    /// The component a node is in: one of its nodes, which may be another one after the next edge.
    pub fn of(&self, node: u32) -> u32 {
        self.nodes.get(node).map_or(node, |known| known.component)
    }

    /// Whether there is a cycle through both.
    pub fn together(&self, a: u32, b: u32) -> bool {
        self.of(a) == self.of(b)
    }

    /// All nodes of the component that a node is in, this one first.
    pub fn members(&self, node: u32) -> impl Iterator<Item = u32> {
        let next = move |&at: &u32| Some(self.nodes.get(at)?.next_member).filter(|&next| next != node);
        std::iter::successors(Some(node), next)
    }

    /// The components of two nodes and more, each as its members.
    pub fn cyclic(&self) -> impl Iterator<Item = impl Iterator<Item = u32>> {
        // Each of them has a list of its edges to others, and nobody else has.
        let lists = (0u32..).zip(&self.outers);
        let used = lists.filter(|&(place, outer)| {
            let node = self.nodes.get(outer.component);
            node.is_some_and(|node| node.outer == place)
        });
        used.map(|(_, outer)| self.members(outer.component))
    }

    /// How many numbers have a node: one more than the largest.
    pub fn len(&self) -> usize {
        self.nodes.iter().len()
    }

    /// Whether there is no node yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the edges of a node lead, in the order in which they came.
    pub fn successors(&self, node: u32) -> &[u32] {
        self.nodes
            .get(node)
            .map_or(&[], |known| self.pool.slice(known.successors))
    }

    /// Where the edges to a node come from, in the order in which they came.
    pub fn predecessors(&self, node: u32) -> &[u32] {
        self.nodes
            .get(node)
            .map_or(&[], |known| self.pool.slice(known.predecessors))
    }
}

#[cfg(test)]
mod tests;
