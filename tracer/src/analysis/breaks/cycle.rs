//! A cycle as a matter of what can be taken out of it.

use std::collections::BTreeSet;

use super::way::{Alternatives, Way, Ways, is_gone};
use crate::analysis::graph::{Dependency, Evidence, OrderGraph};
use crate::analysis::level::{Level, Levels, Node, Nodes};
use crate::analysis::snapshot::Finding;

/// Sides in the order of the cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) sides: Vec<Side>,
    /// Classes of its locks.
    pub(super) classes: BTreeSet<u32>,
}

/// One side: it is gone when every piece of its evidence is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Side {
    /// The dependency that the finding shows, by its number in the document.
    dependency: u32,
    /// For each piece of evidence, what takes it out.
    pub(super) evidence: BTreeSet<Alternatives>,
}

impl Side {
    #[cfg(test)]
    pub(super) fn new(evidence: BTreeSet<Alternatives>) -> Self {
        Self {
            dependency: 0,
            evidence,
        }
    }

    pub(super) fn is_covered_by(&self, cover: &BTreeSet<Way>) -> bool {
        self.evidence.iter().all(|ways| is_gone(ways, cover))
    }
}

impl Cycle {
    pub(super) fn is_covered_by(&self, cover: &BTreeSet<Way>) -> bool {
        self.sides.iter().any(|side| side.is_covered_by(cover))
    }

    /// The dependencies of this cycle that are gone with what a cover takes out.
    pub(super) fn dependencies_covered_by(&self, cover: &BTreeSet<Way>) -> Vec<u32> {
        let gone = self.sides.iter().filter(|side| side.is_covered_by(cover));
        gone.map(|side| side.dependency).collect()
    }
}

/// Makes cycles of findings, by all evidence that the whole graph has for their sides.
pub(super) struct Cycles<'l, 'a> {
    levels: &'l Levels<'a>,
    pub(super) ways: Ways<'a>,
}

impl<'l, 'a> Cycles<'l, 'a> {
    pub(super) fn of(levels: &'l Levels<'a>) -> Self {
        Self {
            levels,
            ways: Ways::of(levels.view),
        }
    }

    /// The cycle of a finding about `graph`, which is the whole one or a part of it.
    pub(super) fn cycle(&self, graph: &OrderGraph, finding: &Finding) -> Cycle {
        let is_of_classes = finding.level == Level::Class.name();
        let nodes = self
            .levels
            .at(if is_of_classes { Level::Class } else { Level::Instance });
        let edge = |&id: &u32| Some((id, graph.dependencies().get((id as usize).checked_sub(1)?)?.edge));
        let edges: Vec<_> = finding.dependencies.iter().filter_map(edge).collect();
        let on_cycle: BTreeSet<_> = edges.iter().map(|(_, edge)| nodes.of(edge.from)).collect();
        let sides = edges.iter().map(|(id, edge)| {
            let (from, to) = (nodes.of(edge.from), nodes.of(edge.to));
            let between = nodes.between(from, to);
            let evidence = between.flat_map(|(_, dependency)| self.usable(nodes, dependency, from, &on_cycle));
            Side {
                dependency: *id,
                evidence: evidence.collect(),
            }
        });
        let classes = edges.iter().flat_map(|(_, edge)| [edge.from, edge.to]);
        Cycle {
            sides: sides.collect(),
            classes: classes.map(|lock| self.levels.view.class_number(lock)).collect(),
        }
    }

    /// What takes out each piece of evidence of a side. Evidence that holds another lock of the cycle is no side of it.
    fn usable(
        &self,
        nodes: &Nodes<'_>,
        dependency: &Dependency,
        from: Node,
        cycle: &BTreeSet<Node>,
    ) -> Vec<Alternatives> {
        let ways = |evidence: &Evidence| {
            let situation = self.levels.view.graph().situation(evidence)?;
            let needed = |node: Node| node == from || !cycle.contains(&node);
            let is_side = situation.held.iter().all(|taken| needed(nodes.of(taken.lock)));
            is_side.then(|| self.ways.alternatives(evidence, situation))
        };
        dependency.all_evidence().filter_map(ways).collect()
    }
}
