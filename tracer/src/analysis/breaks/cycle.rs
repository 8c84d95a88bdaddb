//! A cycle as a matter of what can be taken out of it.

use std::collections::BTreeSet;

use crate::analysis::graph::{Dependency, Evidence, OrderGraph};
use crate::analysis::held::Taken;
use crate::analysis::level::{Level, Node, Nodes};
use crate::analysis::snapshot::Finding;
use crate::analysis::view::View;
use crate::analysis::without::{Place, Without};

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
    pub(super) evidence: BTreeSet<BTreeSet<Without>>,
}

impl Side {
    #[cfg(test)]
    pub(super) fn new(evidence: BTreeSet<BTreeSet<Without>>) -> Self {
        Self {
            dependency: 0,
            evidence,
        }
    }

    pub(super) fn is_covered_by(&self, cover: &BTreeSet<Without>) -> bool {
        self.evidence.iter().all(|ways| !ways.is_disjoint(cover))
    }
}

impl Cycle {
    /// The cycle of a finding about `graph`, by all evidence that the whole graph has for its sides.
    pub(super) fn of(view: &View<'_>, graph: &OrderGraph, finding: &Finding) -> Self {
        let level = if finding.level == Level::Class.name() {
            Level::Class
        } else {
            Level::Instance
        };
        let nodes = Nodes::new(view, level);
        let edge = |&id: &u32| Some((id, graph.dependencies().get((id as usize).checked_sub(1)?)?.edge));
        let edges: Vec<_> = finding.dependencies.iter().filter_map(edge).collect();
        let on_cycle: BTreeSet<_> = edges.iter().map(|(_, edge)| nodes.of(edge.from)).collect();
        let sides = edges.iter().map(|(id, edge)| {
            let (from, to) = (nodes.of(edge.from), nodes.of(edge.to));
            let between = nodes.between(from, to);
            let evidence = between.flat_map(|(_, dependency)| usable(view, &nodes, dependency, from, &on_cycle));
            Side {
                dependency: *id,
                evidence: evidence.collect(),
            }
        });
        let classes = edges.iter().flat_map(|(_, edge)| [edge.from, edge.to]);
        Self {
            sides: sides.collect(),
            classes: classes.map(|lock| view.class_number(lock)).collect(),
        }
    }

    pub(super) fn is_covered_by(&self, cover: &BTreeSet<Without>) -> bool {
        self.sides.iter().any(|side| side.is_covered_by(cover))
    }

    /// The dependencies of this cycle that are gone with what a cover takes out.
    pub(super) fn dependencies_covered_by(&self, cover: &BTreeSet<Without>) -> Vec<u32> {
        let gone = self.sides.iter().filter(|side| side.is_covered_by(cover));
        gone.map(|side| side.dependency).collect()
    }
}

/// What takes out each piece of evidence of a side. Evidence that holds another lock of the cycle is no side of it.
fn usable(
    view: &View<'_>,
    nodes: &Nodes<'_>,
    dependency: &Dependency,
    from: Node,
    cycle: &BTreeSet<Node>,
) -> Vec<BTreeSet<Without>> {
    let ways = |evidence: &Evidence| {
        let situation = view.graph().situation(evidence)?;
        let needed = |node: Node| node == from || !cycle.contains(&node);
        let is_side = situation.held.iter().all(|taken| needed(nodes.of(taken.lock)));
        let held = situation.held.get(usize::from(evidence.from)).filter(|_| is_side)?;
        Some(ways(view, held, &situation.request))
    };
    dependency.all_evidence().filter_map(ways).collect()
}

/// What takes out one piece of evidence: either acquisition by its function, the dependency where no function is known.
fn ways(view: &View<'_>, held: &Taken, request: &Taken) -> BTreeSet<Without> {
    let known: BTreeSet<_> = [held, request]
        .into_iter()
        .filter_map(|taken| at(view, taken))
        .collect();
    if !known.is_empty() {
        return known;
    }
    let whole = |taken: &Taken| Place {
        lock: view.class(taken.lock).to_string(),
        function: None,
    };
    BTreeSet::from([Without::Dependency(whole(held), whole(request))])
}

/// An acquisition, by class and function: a fix is in code, which knows no objects.
pub(super) fn at(view: &View<'_>, taken: &Taken) -> Option<Without> {
    let lock = view.class(taken.lock).to_string();
    let function = Some(view.function(taken.stack)?);
    Some(Without::Hold(Place { lock, function }))
}
