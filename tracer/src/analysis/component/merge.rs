//! What follows a search: what it visited is put in order again, and what is on a cycle becomes one component.

use super::node::NONE;
use super::search::{BACKWARD, BOTH, FORWARD};
use super::{Change, Components};

/// On a cycle through the new edge: a bit of [`super::node::Node::seen`], beside those of the search.
const CYCLE: u8 = 4;

/// Edges between a component of several nodes and others. Some may have become inner ones; the search drops those when it meets them.
#[derive(Clone, Debug, Default)]
pub(super) struct Outer {
    /// Whose they are.
    pub(super) component: u32,
    pub(super) successors: Vec<u32>,
    pub(super) predecessors: Vec<u32>,
}

impl Components {
    /// Makes the order fit an edge that goes against it.
    ///
    /// Everything visited from the target that lies before the pivot was visited with all that follows it, and everything visited
    /// from the source that lies after the pivot with all that precedes it. So these are all that have to move, and to the pivot.
    pub(super) fn reorder(&mut self, source: u32, target: u32) -> Change {
        self.search(source, target);
        let pivot = self.search.forward.nearest().unwrap_or(source);
        let middle = self.nodes[pivot].label;
        let mut up = self.sorted(&self.search.forward.visited, |label| label < middle);
        let mut down = self.sorted(&self.search.backward.visited, |label| label > middle);
        for &component in up.iter().chain(&down) {
            self.order.remove(&mut self.nodes, component);
        }
        let cycle = if self.search.met {
            self.cycle(&up, &down)
        } else {
            Vec::new()
        };
        let on_cycle = |nodes: &super::Nodes, component: u32| nodes[component].seen & CYCLE != 0;
        up.retain(|&component| !on_cycle(&self.nodes, component));
        down.retain(|&component| !on_cycle(&self.nodes, component));
        let pivot_merged = on_cycle(&self.nodes, pivot);
        self.forget();

        let merged = self.merge(&cycle);
        let mut run = down;
        if let Some(merged) = merged.filter(|_| !pivot_merged) {
            run.push(merged);
        }
        let mut middle = pivot;
        if let Some(merged) = merged.filter(|_| pivot_merged) {
            if merged != pivot {
                self.order.replace(&mut self.nodes, pivot, merged);
            }
            middle = merged;
        }
        if pivot_merged || pivot == source {
            self.order.insert_after(&mut self.nodes, middle, &up);
        } else {
            run.append(&mut up);
        }
        let before = self.nodes[middle].before;
        self.order.insert_after(&mut self.nodes, before, &run);
        merged.map_or(Change::Open, Change::Merged)
    }

    /// Those visited whose label is in range, in order.
    fn sorted(&self, visited: &[super::search::Visit], range: impl Fn(i64) -> bool) -> Vec<u32> {
        let labels = visited
            .iter()
            .map(|visit| (self.nodes[visit.component].label, visit.component));
        let mut found: Vec<_> = labels.filter(|&(label, _)| range(label)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, component)| component).collect()
    }

    /// The components on a cycle: those seen from both sides, and what was seen from one side only but leads to them.
    fn cycle(&mut self, up: &[u32], down: &[u32]) -> Vec<u32> {
        let seen = self.search.forward.visited.iter().map(|visit| visit.component);
        let mut cycle: Vec<_> = seen.filter(|&component| self.nodes[component].seen == BOTH).collect();
        for &component in &cycle {
            self.nodes[component].seen |= CYCLE;
        }
        // Against the order of the edges, so that what follows is decided first.
        let sides = up.iter().rev().map(|&component| (component, FORWARD));
        for (component, side) in sides.chain(down.iter().map(|&component| (component, BACKWARD))) {
            if self.nodes[component].seen & CYCLE == 0 && self.leads_to(component, side, |seen| seen & CYCLE != 0) {
                self.nodes[component].seen |= CYCLE;
                cycle.push(component);
            }
        }
        cycle
    }

    /// Makes one component of several. The largest one stands for all, so that no node changes its component more often than the
    /// logarithm of their number.
    fn merge(&mut self, cycle: &[u32]) -> Option<u32> {
        let &merged = cycle.iter().max_by_key(|&&component| self.nodes[component].size)?;
        let others = || cycle.iter().copied().filter(|&component| component != merged);
        for component in others() {
            let mut member = component;
            loop {
                self.nodes[member].component = merged;
                member = self.nodes[member].next_member;
                if member == component {
                    break;
                }
            }
            // Two rings become one when two of their nodes swap what follows them.
            let (next, other_next) = (self.nodes[merged].next_member, self.nodes[component].next_member);
            self.nodes[merged].next_member = other_next;
            self.nodes[component].next_member = next;
            self.nodes[merged].size += self.nodes[component].size;
        }
        let mut outer = self.take_outer(merged);
        for component in others() {
            let mut other = self.take_outer(component);
            for (ours, theirs) in [
                (&mut outer.successors, &mut other.successors),
                (&mut outer.predecessors, &mut other.predecessors),
            ] {
                if ours.len() < theirs.len() {
                    std::mem::swap(ours, theirs);
                }
                let nodes = &self.nodes;
                ours.extend(theirs.iter().filter(|&&neighbour| nodes[neighbour].component != merged));
            }
        }
        self.put_outer(merged, outer);
        Some(merged)
    }

    /// The edges of a component to others.
    fn take_outer(&mut self, component: u32) -> Outer {
        let node = &mut self.nodes[component];
        let place = std::mem::replace(&mut node.outer, NONE);
        if let Some(outer) = self.outers.get_mut(place as usize) {
            self.free_outers.push(place);
            return std::mem::take(outer);
        }
        let merged = node.component;
        let (successors, predecessors) = (node.successors, node.predecessors);
        let outside = |list| {
            let edges = self.pool.slice(list).iter().copied();
            edges
                .filter(|&neighbour| self.nodes[neighbour].component != merged)
                .collect()
        };
        Outer {
            component,
            successors: outside(successors),
            predecessors: outside(predecessors),
        }
    }

    fn put_outer(&mut self, component: u32, outer: Outer) {
        let place = self.free_outers.pop().unwrap_or_else(|| {
            self.outers.push(Outer::default());
            u32::try_from(self.outers.len() - 1).unwrap_or(NONE)
        });
        if let Some(free) = self.outers.get_mut(place as usize) {
            *free = Outer { component, ..outer };
            self.nodes[component].outer = place;
        }
    }
}
