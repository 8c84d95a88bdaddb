//! What is known of a node.

use std::ops::{Index, IndexMut};

use super::list::List;

/// No node, or no entry of a table.
pub(super) const NONE: u32 = u32::MAX;

/// All of a node in one place: an edge along the order then touches two lines of the cache, and the two lists it goes into.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Node {
    /// The node that stands for its component. Only of that node mean `label`, `before`, `after`, `size` and `outer` anything.
    pub(super) component: u32,
    /// Place in the topological order: smaller comes before.
    pub(super) label: i64,
    /// Neighbours in the order.
    pub(super) before: u32,
    pub(super) after: u32,
    /// Nodes of the component.
    pub(super) size: u32,
    /// The next node of the component, in a ring.
    pub(super) next_member: u32,
    /// Its lists of edges to and from other components when there are several nodes in it, else [`NONE`].
    pub(super) outer: u32,
    pub(super) successors: List,
    pub(super) predecessors: List,
    /// Whether it has a place in the order: it had an edge.
    pub(super) placed: bool,
    /// Which sides of the search have seen it; 0 between searches.
    pub(super) seen: u8,
}

/// All nodes. Indexing is for the numbers that [`Nodes::reach`] made room for; no others are stored anywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes(Vec<Node>);

impl Nodes {
    /// Makes room for all numbers up to this one.
    pub(super) fn reach(&mut self, number: u32) {
        while self.0.len() <= number as usize {
            let next = u32::try_from(self.0.len()).unwrap_or(NONE);
            self.0.push(Node {
                component: next,
                label: 0,
                before: NONE,
                after: NONE,
                size: 1,
                next_member: next,
                outer: NONE,
                successors: List::default(),
                predecessors: List::default(),
                placed: false,
                seen: 0,
            });
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Node> {
        self.0.get(number as usize)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.0.iter()
    }
}

impl Index<u32> for Nodes {
    type Output = Node;

    fn index(&self, number: u32) -> &Node {
        &self.0[number as usize]
    }
}

impl IndexMut<u32> for Nodes {
    fn index_mut(&mut self, number: u32) -> &mut Node {
        &mut self.0[number as usize]
    }
}
