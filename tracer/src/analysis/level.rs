//! The two levels of the order graph: its nodes are locks, or the classes of locks.
//!
//! Both are the same dependencies. A class-level cycle shows what could happen to other objects of the same classes, as lockdep does.
//! Which locks are on cycles with each other is known at any time; which classes are is found when it is asked for, because a lock's class
//! can be told late, and in time linear in the dependencies.

use std::cell::OnceCell;

use rustc_hash::FxHashSet;

use super::cycle::{Part, Parts};
use super::graph::{Dependency, Edge};
use super::lock::LockId;
use super::view::View;

/// Classes too wide to say anything by class, which lockdep does not validate either: `device_initialize()` in drivers/base/core.c
/// (Linux 5.10 to 7.2) calls `lockdep_set_novalidate_class(&dev->mutex)`.
const NOT_VALIDATED: [&str; 1] = ["&dev->mutex"];

/// Whether lockdep judges locks of a class.
pub(crate) fn is_validated(class: &str) -> bool {
    !NOT_VALIDATED.contains(&class)
}

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

/// The order graph at both levels, each of which is made when it is first asked for.
pub(crate) struct Levels<'a> {
    pub(crate) view: &'a View<'a>,
    instance: OnceCell<Nodes<'a>>,
    class: OnceCell<Nodes<'a>>,
}

impl<'a> Levels<'a> {
    pub(crate) fn of(view: &'a View<'a>) -> Self {
        Self {
            view,
            instance: OnceCell::new(),
            class: OnceCell::new(),
        }
    }

    /// The nodes of one level.
    pub(crate) fn at(&self, level: Level) -> &Nodes<'a> {
        let nodes = match level {
            Level::Instance => &self.instance,
            Level::Class => &self.class,
        };
        nodes.get_or_init(|| Nodes::new(self.view, level))
    }
}

/// A lock, or a class of locks, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node(pub(crate) u32);

/// The order graph at one level.
pub(crate) struct Nodes<'a> {
    view: &'a View<'a>,
    pub(crate) level: Level,
    /// Where cycles can be, the part with the smallest node first.
    parts: Vec<Part>,
    /// Nodes with a dependency on themselves, in order.
    loops: Vec<Node>,
    /// At class level: the dependencies that can be on a cycle, by the two classes.
    pairs: Vec<(Node, Node, u32)>,
}

impl<'a> Nodes<'a> {
    fn new(view: &'a View<'a>, level: Level) -> Self {
        match level {
            Level::Instance => Self::of_locks(view),
            Level::Class => Self::of_classes(view),
        }
    }

    fn of_locks(view: &'a View<'a>) -> Self {
        let (graph, locks) = (view.graph(), &view.model.locks);
        // What a lock is may be told later than who requested it.
        let blocks = |from: Node, to: Node| !locks.back_off(LockId(from.0), LockId(to.0));
        let loops = graph.loops().iter().map(|lock| Node(lock.0));
        let mut loops: Vec<_> = loops.filter(|&node| blocks(node, node)).collect();
        loops.sort_unstable();
        Self {
            view,
            level: Level::Instance,
            parts: Part::of_components(graph.components(), blocks),
            loops,
            pairs: Vec::new(),
        }
    }

    fn of_classes(view: &'a View<'a>) -> Self {
        let (classes, _) = view.sizes();
        let classes = u32::try_from(classes).unwrap_or(u32::MAX);
        let not_validated: FxHashSet<_> = (0..classes)
            .filter(|&class| !is_validated(view.class_name(class)))
            .collect();
        let judged = |edge: Edge| {
            let pair = (view.class_number(edge.from), view.class_number(edge.to));
            let left_out = [pair.0, pair.1].iter().any(|class| not_validated.contains(class));
            (!left_out && !view.model.locks.back_off(edge.from, edge.to)).then_some(pair)
        };
        let dependencies = || (0u32..).zip(view.graph().dependencies());
        let all = || dependencies().filter_map(|(index, dependency)| Some((judged(dependency.edge)?, index)));
        let edges: Vec<_> = all().map(|(pair, _)| pair).collect();
        let parts = Part::of_edges(classes, &edges);
        let part_of = Parts::of(classes, &parts);
        let pairs = all().filter(|&((from, to), _)| part_of.on_cycle(from, to));
        let mut pairs: Vec<_> = pairs.map(|((from, to), index)| (Node(from), Node(to), index)).collect();
        pairs.sort_unstable();
        let loops = pairs.iter().filter(|(from, to, _)| from == to);
        let mut loops: Vec<_> = loops.map(|&(from, _, _)| from).collect();
        loops.dedup();
        Self {
            view,
            level: Level::Class,
            parts,
            loops,
            pairs,
        }
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

    /// The dependencies between two nodes of a part, or of a node on itself.
    pub(crate) fn between(&self, from: Node, to: Node) -> impl Iterator<Item = (u32, &'a Dependency)> {
        let graph = self.view.graph();
        let of_locks = (self.level == Level::Instance).then(|| graph.between(LockId(from.0), LockId(to.0)));
        let start = self.pairs.partition_point(|&(a, b, _)| (a, b) < (from, to));
        let pairs = self.pairs.get(start..).unwrap_or(&[]).iter();
        let of_classes = pairs
            .take_while(move |&&(a, b, _)| (a, b) == (from, to))
            .filter_map(|&(_, _, index)| Some((index, graph.dependencies().get(index as usize)?)));
        of_locks.into_iter().flatten().chain(of_classes)
    }

    /// The dependencies that can be on a cycle.
    pub(crate) fn on_cycles(&self) -> impl Iterator<Item = (u32, &'a Dependency)> {
        let loops = self.loops.iter().map(|&node| (node, node));
        let sides = self.parts.iter().flat_map(Part::edges).chain(loops);
        sides.flat_map(|(from, to)| self.between(from, to))
    }

    /// The nodes with a dependency on themselves, in order.
    pub(crate) fn loops(&self) -> &[Node] {
        &self.loops
    }

    /// Where cycles can be: nodes that all reach each other.
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}
