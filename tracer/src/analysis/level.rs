//! The two levels of the order graph: its nodes are locks, or the classes of locks.
//!
//! Both are the same dependencies. A class-level cycle shows what could happen to other objects of the same classes, as lockdep does.

use std::collections::BTreeMap;

use petgraph::graphmap::DiGraphMap;

use super::graph::Dependency;
use super::lock::LockId;
use super::view::View;

/// Classes too wide to say anything by class, which lockdep does not validate either: `device_initialize()` in drivers/base/core.c
/// (Linux 5.10 to 7.2) calls `lockdep_set_novalidate_class(&dev->mutex)`.
const NOT_VALIDATED: [&str; 1] = ["&dev->mutex"];

/// Which nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Instance,
    Class,
}

impl Level {
    /// As the document has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Class => "class",
        }
    }
}

/// A lock, or a class of locks, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(pub(crate) u32);

/// The order graph at one level.
pub(crate) struct Nodes<'a> {
    view: &'a View<'a>,
    pub(crate) level: Level,
    /// At class level: the dependencies between two classes.
    pairs: BTreeMap<(Node, Node), Vec<u32>>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(view: &'a View<'a>, level: Level) -> Self {
        let mut pairs: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        if level == Level::Class {
            for (index, dependency) in (0u32..).zip(view.graph().dependencies()) {
                let edge = dependency.edge;
                let judged = [edge.from, edge.to]
                    .iter()
                    .all(|&lock| !NOT_VALIDATED.contains(&view.class(lock)));
                if judged && !view.model.locks.back_off(edge.from, edge.to) {
                    let pair = (Node(view.class_number(edge.from)), Node(view.class_number(edge.to)));
                    pairs.entry(pair).or_default().push(index);
                }
            }
        }
        Self { view, level, pairs }
    }

    /// The node that a lock is, or is in.
    pub(crate) fn of(&self, lock: LockId) -> Node {
        match self.level {
            Level::Instance => Node(lock.0),
            Level::Class => Node(self.view.class_number(lock)),
        }
    }

    /// What people call it.
    pub(crate) fn name(&self, node: Node) -> &'a str {
        match self.level {
            Level::Instance => self.view.name(LockId(node.0)),
            Level::Class => self.view.class_name(node.0),
        }
    }

    /// What a lock is called at this level.
    pub(crate) fn name_of(&self, lock: LockId) -> &'a str {
        self.name(self.of(lock))
    }

    /// The dependencies between two nodes.
    pub(crate) fn between(&self, from: Node, to: Node) -> Vec<(u32, &'a Dependency)> {
        let graph = self.view.graph();
        match self.level {
            Level::Instance => graph.between(LockId(from.0), LockId(to.0)).collect(),
            Level::Class => {
                let indices = self.pairs.get(&(from, to)).into_iter().flatten();
                indices
                    .filter_map(|&index| Some((index, graph.dependencies().get(index as usize)?)))
                    .collect()
            }
        }
    }

    /// The nodes with a dependency on themselves.
    pub(crate) fn loops(&self) -> Vec<Node> {
        match self.level {
            Level::Instance => {
                let edges = self
                    .view
                    .graph()
                    .dependencies()
                    .iter()
                    .map(|dependency| dependency.edge);
                let mut loops: Vec<_> = edges
                    .filter(|edge| edge.from == edge.to && !self.view.model.locks.back_off(edge.from, edge.to))
                    .map(|edge| Node(edge.from.0))
                    .collect();
                loops.sort();
                loops.dedup();
                loops
            }
            Level::Class => self
                .pairs
                .keys()
                .filter(|(from, to)| from == to)
                .map(|&(from, _)| from)
                .collect(),
        }
    }

    /// Who is requested under whom.
    pub(crate) fn graph(&self) -> DiGraphMap<Node, ()> {
        let edge = |(from, to): (Node, Node)| (from, to, ());
        match self.level {
            Level::Instance => {
                let locks = &self.view.model.locks;
                let edges = self
                    .view
                    .graph()
                    .dependencies()
                    .iter()
                    .map(|dependency| dependency.edge);
                edges
                    .filter(|edge| edge.from != edge.to && !locks.back_off(edge.from, edge.to))
                    .map(|found| edge((Node(found.from.0), Node(found.to.0))))
                    .collect()
            }
            Level::Class => self
                .pairs
                .keys()
                .filter(|(from, to)| from != to)
                .copied()
                .map(edge)
                .collect(),
        }
    }
}
