//! Which locks and dependencies are drawn: a cycle, or what is around a lock.

use std::collections::VecDeque;

use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::list::ListKind;
use super::model::{GraphState, Model, Reach};
use super::scene::Scene;
use crate::analysis::snapshot::{Lock, Mode, Side};

/// Locks that are drawn at most: more cannot be read.
const MOST_NODES: usize = 60;
/// Locks that stand in them at most, when a node is a class.
const MOST_LOCKS: usize = 300;
/// Findings of one lock whose cycles are drawn.
const MOST_FINDINGS: usize = 20;

/// A node: a lock, or all locks of a class.
#[derive(Clone, Debug)]
pub struct Node {
    /// Rows of its locks.
    pub locks: Vec<u32>,
}

/// An edge: dependencies between two nodes.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// Rows of the dependencies; none where a lock is only taken in between, by a trylock.
    pub dependencies: Vec<u32>,
    /// All of them request it shared.
    pub is_shared: bool,
    /// A side of a cycle.
    pub is_heavy: bool,
    /// It came in the current reload.
    pub is_marked: bool,
}

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Edges by the indices of their nodes.
    pub edges: IndexMap<(usize, usize), Edge>,
    /// Locks within reach that are not drawn.
    pub left_out: usize,
}

impl Node {
    /// The first of its locks, which the others are like.
    pub fn lock<'a>(&self, scene: &'a Scene) -> Option<&'a Lock> {
        self.locks.first().and_then(|&row| scene.lock(row))
    }
}

impl Around {
    /// What the model asks for.
    pub fn of(model: &Model, scene: &Scene) -> Self {
        let mut build = Build {
            scene,
            moment: model.moment.unwrap_or(u64::MAX),
            window: current(scene, model.moment),
            reach: &model.graph,
            around: Self::default(),
            nodes: FxHashMap::default(),
            added: FxHashSet::default(),
            classes: FxHashMap::default(),
        };
        build.draw();
        build.around
    }

    /// The node that a lock is in.
    pub fn node_of(&self, lock: u32) -> Option<usize> {
        self.nodes.iter().position(|node| node.locks.contains(&lock))
    }
}

/// The reload that runs at a moment, or ended last before it.
pub fn current(scene: &Scene, moment: Option<u64>) -> Option<u32> {
    let at = moment.unwrap_or(u64::MAX);
    let begun = (0u32..)
        .zip(&scene.snapshot.windows)
        .filter(|(_, window)| window.start_ns <= at);
    begun.max_by_key(|(_, window)| window.start_ns).map(|(row, _)| row)
}

struct Build<'a> {
    scene: &'a Scene,
    moment: u64,
    window: Option<u32>,
    reach: &'a GraphState,
    around: Around,
    /// Nodes of locks.
    nodes: FxHashMap<u32, usize>,
    /// Dependencies that are in.
    added: FxHashSet<u32>,
    /// Nodes of classes, when it is folded.
    classes: FxHashMap<&'a str, usize>,
}

impl Build<'_> {
    fn draw(&mut self) {
        let (lock, findings) = self.root();
        for &finding in &findings {
            self.cycle(finding);
        }
        if let Some(lock) = lock {
            self.node(lock);
        }
        let is_bare = lock.is_some() && findings.is_empty();
        let steps = match self.reach.reach {
            Reach::Cycle => u32::from(is_bare),
            Reach::One => 1,
            Reach::Two => 2,
        };
        // Around a lock alone; around all of the cycle of a finding.
        let begin: Vec<_> = match lock {
            Some(lock) => vec![lock],
            None => self.around.nodes.iter().flat_map(|node| node.locks.clone()).collect(),
        };
        if steps > 0 {
            self.spread(begin, steps);
        }
    }

    /// The lock in the middle, if it is one, and the findings whose cycles are drawn.
    fn root(&self) -> (Option<u32>, Vec<u32>) {
        let scene = self.scene;
        let first = |kind| scene.order(kind, None).first().copied();
        let known = self
            .reach
            .root
            .and_then(|root| Some((root.list, scene.row_of(root.list, root.key)?)));
        let root = known.or_else(|| {
            let finding = first(ListKind::Findings).map(|row| (ListKind::Findings, row));
            finding.or_else(|| first(ListKind::Locks).map(|row| (ListKind::Locks, row)))
        });
        match root {
            Some((ListKind::Findings, row)) => (None, vec![row]),
            Some((ListKind::Locks, row)) => {
                let all = scene.facts(row).map_or(&[][..], |facts| &facts.findings);
                let findings = if self.reach.reach == Reach::Cycle { all } else { &[] };
                (Some(row), findings.iter().copied().take(MOST_FINDINGS).collect())
            }
            _ => (None, Vec::new()),
        }
    }

    /// All locks of a finding: what its sides hold, and what they took in between.
    fn cycle(&mut self, finding: u32) {
        let scene = self.scene;
        let Some(finding) = scene.snapshot.findings.get(finding as usize) else {
            return;
        };
        for side in &finding.scenario {
            self.side(side);
        }
        if finding.scenario.is_empty() {
            for &id in &finding.dependencies {
                if let Some([from, to]) = scene.edges.dependency_row(id).and_then(|row| scene.edges.ends(row)) {
                    self.heavy(from, to, Mode::Exclusive);
                }
            }
        }
    }

    fn side(&mut self, side: &Side) {
        let scene = self.scene;
        let Some(dependency) = scene.dependency(side.dependency) else {
            return;
        };
        let held = dependency
            .evidence
            .get(side.evidence as usize)
            .map_or(&[][..], |evidence| &evidence.held);
        let begin = held.iter().position(|held| held.lock == dependency.from);
        let between = begin.map_or(&[][..], |begin| &held[begin + 1..]);
        let ways = between
            .iter()
            .map(|held| (held.lock, held.mode))
            .chain([(dependency.to, dependency.to_mode)]);
        let mut from = dependency.from;
        for (to, mode) in ways {
            if let (Some(from), Some(to)) = (scene.edges.row(from), scene.edges.row(to)) {
                self.heavy(from, to, mode);
            }
            from = to;
        }
    }

    /// A step of a cycle, when it was there at the moment.
    fn heavy(&mut self, from: u32, to: u32, mode: Mode) {
        let all = self.scene.edges.after(from).iter();
        let between = all
            .copied()
            .filter(|&row| self.scene.edges.ends(row) == Some([from, to]));
        let between: Vec<_> = between.collect();
        let there: Vec<_> = between.iter().copied().filter(|&row| self.was_there(row)).collect();
        if there.is_empty() && !between.is_empty() {
            return;
        }
        let ends = (self.node(from), self.node(to));
        let edge = self.around.edges.entry(ends).or_insert_with(|| Edge {
            is_shared: mode == Mode::Shared,
            ..Edge::default()
        });
        edge.is_heavy = true;
        for row in there {
            self.add(ends, row);
        }
    }

    /// What is so many steps around some locks, and the direct dependencies between all that is drawn.
    fn spread(&mut self, begin: Vec<u32>, steps: u32) {
        let scene = self.scene;
        let mut seen: FxHashSet<u32> = begin.iter().copied().collect();
        let mut next: VecDeque<_> = begin.into_iter().map(|lock| (lock, 0)).collect();
        while let Some((lock, far)) = next.pop_front() {
            if far == steps {
                continue;
            }
            let rows = scene.edges.after(lock).iter().chain(scene.edges.before(lock));
            let drawn: Vec<_> = rows.copied().filter(|&row| self.is_drawn(row)).collect();
            for row in drawn {
                for end in scene.edges.ends(row).into_iter().flatten() {
                    if !seen.insert(end) {
                        continue;
                    }
                    if self.has_room(end) {
                        self.node(end);
                        next.push_back((end, far + 1));
                    } else {
                        self.around.left_out += 1;
                    }
                }
            }
        }
        let locks: Vec<_> = self.around.nodes.iter().flat_map(|node| node.locks.clone()).collect();
        for lock in locks {
            for &row in scene.edges.after(lock) {
                if !self.is_drawn(row) {
                    continue;
                }
                let Some([from, to]) = scene.edges.ends(row) else {
                    continue;
                };
                if let (Some(&from), Some(&to)) = (self.nodes.get(&from), self.nodes.get(&to)) {
                    self.add((from, to), row);
                }
            }
        }
    }

    /// Whether there is room for a lock, or it has a node already.
    fn has_room(&self, lock: u32) -> bool {
        let class = self.scene.lock(lock).map(|lock| &*lock.class);
        let is_folded = self.reach.is_folded && class.is_some_and(|class| self.classes.contains_key(class));
        self.nodes.len() < MOST_LOCKS && (is_folded || self.around.nodes.len() < MOST_NODES)
    }

    fn was_there(&self, row: u32) -> bool {
        let dependency = self.scene.snapshot.dependencies.get(row as usize);
        dependency.is_some_and(|dependency| dependency.first_ns <= self.moment)
    }

    /// Only what lockdep would record too: that one lock is far below another follows from what is between them.
    fn is_drawn(&self, row: u32) -> bool {
        let dependency = self.scene.snapshot.dependencies.get(row as usize);
        dependency.is_some_and(|dependency| dependency.direct) && self.was_there(row)
    }

    fn node(&mut self, lock: u32) -> usize {
        if let Some(&node) = self.nodes.get(&lock) {
            return node;
        }
        let next = self.around.nodes.len();
        let class = self
            .scene
            .snapshot
            .locks
            .get(lock as usize)
            .map_or("?", |lock| &*lock.class);
        let node = if self.reach.is_folded {
            *self.classes.entry(class).or_insert(next)
        } else {
            next
        };
        if node == next {
            self.around.nodes.push(Node { locks: Vec::new() });
        }
        self.around.nodes[node].locks.push(lock);
        self.nodes.insert(lock, node);
        node
    }

    fn add(&mut self, ends: (usize, usize), row: u32) {
        let Some(dependency) = self.scene.snapshot.dependencies.get(row as usize) else {
            return;
        };
        let window = dependency.evidence.first().and_then(|evidence| evidence.window);
        let edge = self.around.edges.entry(ends).or_insert_with(|| Edge {
            is_shared: true,
            ..Edge::default()
        });
        if self.added.insert(row) {
            edge.dependencies.push(row);
        }
        edge.is_shared &= dependency.to_mode == Mode::Shared;
        edge.is_marked |= window.is_some() && window == self.window;
    }
}
