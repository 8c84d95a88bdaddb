//! The topological order: a list of components with number labels, so that two of them can be compared.

use super::node::{NONE, Nodes};

/// Room between neighbours at the ends of the list, so that many can be put between them later.
const GAP: i64 = 1 << 30;

/// The list. Links and labels are in the nodes.
#[derive(Clone, Debug)]
pub(super) struct Order {
    first: u32,
    last: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
        }
    }
}

impl Order {
    /// Puts a node before everything.
    pub(super) fn place_first(&mut self, nodes: &mut Nodes, node: u32) {
        nodes[node].placed = true;
        self.insert_after(nodes, NONE, &[node]);
    }

    /// Puts a node after everything.
    pub(super) fn place_last(&mut self, nodes: &mut Nodes, node: u32) {
        nodes[node].placed = true;
        self.insert_after(nodes, self.last, &[node]);
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, nodes: &mut Nodes, node: u32) {
        let (before, after) = (nodes[node].before, nodes[node].after);
        self.link(nodes, before, after);
    }

    /// Puts `new` where `old` is.
    pub(super) fn replace(&mut self, nodes: &mut Nodes, old: u32, new: u32) {
        nodes[new].label = nodes[old].label;
        let (before, after) = (nodes[old].before, nodes[old].after);
        self.link(nodes, before, new);
        self.link(nodes, new, after);
    }

    /// Puts nodes after `before`, in this order; at the beginning when `before` is [`NONE`].
    pub(super) fn insert_after(&mut self, nodes: &mut Nodes, before: u32, run: &[u32]) {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else {
            return;
        };
        let after = if before == NONE {
            self.first
        } else {
            nodes[before].after
        };
        self.link(nodes, before, first);
        for pair in run.windows(2) {
            if let &[a, b] = pair {
                self.link(nodes, a, b);
            }
        }
        self.link(nodes, last, after);
        self.label(nodes, before, first, run.len());
    }

    fn link(&mut self, nodes: &mut Nodes, before: u32, after: u32) {
        if before == NONE {
            self.first = after;
        } else {
            nodes[before].after = after;
        }
        if after == NONE {
            self.last = before;
        } else {
            nodes[after].before = before;
        }
    }

    /// Gives labels to `count` nodes from `first` on, and to as many after them as it takes to make room.
    fn label(&mut self, nodes: &mut Nodes, before: u32, first: u32, count: usize) {
        let mut count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut end = first;
        for _ in 0..count {
            end = nodes[end].after;
        }
        let mut enough = 1;
        let (start, step) = loop {
            let Some((start, step)) = self.room(nodes, before, end, count) else {
                return self.label_all(nodes);
            };
            if step >= enough {
                break (start, step);
            }
            // Dietz and Sleator: the more has to be labelled anew, the more room it gets, or it would soon be full again.
            // Beyond the last node there is always enough.
            end = nodes[end].after;
            count += 1;
            enough = count;
        };
        let mut label = start;
        let mut at = first;
        while at != end {
            label += step;
            nodes[at].label = label;
            at = nodes[at].after;
        }
    }

    /// The label before, and the step from one to the next, for `count` nodes between two; nothing when the numbers end.
    fn room(&self, nodes: &Nodes, before: u32, after: u32, count: i64) -> Option<(i64, i64)> {
        let steps = count.checked_add(1)?;
        match (nodes.get(before), nodes.get(after)) {
            (Some(before), Some(after)) => Some((before.label, after.label.saturating_sub(before.label) / steps)),
            (Some(before), None) => {
                before.label.checked_add(steps.checked_mul(GAP)?)?;
                Some((before.label, GAP))
            }
            (None, Some(after)) => Some((after.label.checked_sub(steps.checked_mul(GAP)?)?, GAP)),
            (None, None) => Some((0, GAP)),
        }
    }

    /// Labels everything anew.
    fn label_all(&mut self, nodes: &mut Nodes) {
        let mut label = 0;
        let mut at = self.first;
        while at != NONE {
            nodes[at].label = label;
            label += GAP;
            at = nodes[at].after;
        }
    }
}

#[cfg(test)]
impl Order {
    /// All nodes, first to last.
    pub(super) fn list(&self, nodes: &Nodes) -> Vec<u32> {
        let first = Some(self.first).filter(|&first| first != NONE);
        std::iter::successors(first, |&at| Some(nodes[at].after).filter(|&after| after != NONE)).collect()
    }
}
