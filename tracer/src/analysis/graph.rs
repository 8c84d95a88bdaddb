//! The order graph: which lock was requested while which was held, and what proves it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use petgraph::graphmap::DiGraphMap;

use super::event::{Mode, WindowKey};
use super::held::Taken;
use super::lock::LockId;
use super::task::{TaskId, TaskRef};

/// Evidence kept per dependency. Guards need the distinct situations; so many of them are a workload that varies endlessly.
pub(crate) const MAX_EVIDENCE: usize = 64;

/// A held stack, what was requested on top, and by whom: a chain with its locks resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Situation {
    /// In order of acquisition.
    pub(crate) held: Vec<Taken>,
    /// What was requested.
    pub(crate) request: Taken,
    /// The reload window it happened in.
    pub(crate) window: Option<WindowKey>,
}

/// One task in one situation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// Index of the situation.
    pub(crate) situation: usize,
    /// Position of `from` in its held stack.
    pub(crate) from: usize,
    /// Who.
    pub(crate) task: TaskRef,
    /// The source tells one task more, and there may be others that it does not tell.
    pub(crate) among_others: bool,
    /// When first, in ns.
    pub(crate) time_ns: u64,
}

/// What makes a dependency another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// The held lock.
    pub(crate) from: LockId,
    /// The requested one.
    pub(crate) to: LockId,
    /// How `from` is held.
    pub(crate) from_mode: Mode,
    /// How `to` is requested.
    pub(crate) to_mode: Mode,
    /// `from` was taken by a trylock.
    pub(crate) trylock: bool,
}

/// Held lock -> requested lock.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// Which.
    pub(crate) edge: Edge,
    /// lockdep would record it too.
    pub(crate) direct: bool,
    /// When first and when last seen anew, in ns.
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    /// Who.
    pub(crate) tasks: BTreeSet<TaskId>,
    /// What proves it.
    pub(crate) evidence: Vec<Evidence>,
}

/// What makes evidence distinct: the locks, not where they were taken.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Distinct {
    dependency: usize,
    from: usize,
    task: TaskId,
    window: Option<WindowKey>,
    held: Vec<(LockId, Mode, bool)>,
}

/// All dependencies.
#[derive(Debug, Default)]
pub(crate) struct OrderGraph {
    situations: Vec<Situation>,
    dependencies: Vec<Dependency>,
    edges: HashMap<Edge, usize>,
    /// The dependencies between two locks, in all modes.
    pairs: BTreeMap<(LockId, LockId), Vec<usize>>,
    distinct: HashSet<Distinct>,
    /// Evidence that was not kept.
    pub(crate) evidence_dropped: u64,
}

impl OrderGraph {
    /// Keeps a situation.
    pub(crate) fn add_situation(&mut self, situation: Situation) -> usize {
        self.situations.push(situation);
        self.situations.len() - 1
    }

    /// Every held lock -> the requested lock, as seen by a task; the dependencies it proves, each once.
    /// A trylock request waits for nobody and proves none.
    pub(crate) fn add(&mut self, situation: usize, task: TaskRef, among_others: bool, time_ns: u64) -> Vec<usize> {
        let Some(Situation { held, request, window }) = self.situations.get(situation).cloned() else {
            return Vec::new();
        };
        if request.trylock {
            return Vec::new();
        }
        let mut found = Vec::with_capacity(held.len());
        let mut direct = true;
        for (position, from) in held.iter().enumerate().rev() {
            let edge = Edge {
                from: from.lock,
                to: request.lock,
                from_mode: from.mode,
                to_mode: request.mode,
                trylock: from.trylock,
            };
            let index = self.dependency(edge, time_ns);
            let evidence = Evidence {
                situation,
                from: position,
                task,
                among_others,
                time_ns,
            };
            let shape = held
                .iter()
                .map(|taken| (taken.lock, taken.mode, taken.trylock))
                .collect();
            let distinct = Distinct {
                dependency: index,
                from: position,
                task: task.id,
                window,
                held: shape,
            };
            let Some(dependency) = self.dependencies.get_mut(index) else {
                continue;
            };
            dependency.direct |= direct;
            dependency.last_ns = dependency.last_ns.max(time_ns);
            dependency.tasks.insert(task.id);
            if dependency.evidence.len() < MAX_EVIDENCE {
                if self.distinct.insert(distinct) {
                    dependency.evidence.push(evidence);
                }
            } else if !self.distinct.contains(&distinct) {
                self.evidence_dropped += 1;
            }
            if !found.contains(&index) {
                found.push(index);
            }
            // lockdep's check_prevs_add() goes back to the newest hold that is no trylock.
            direct &= from.trylock;
        }
        found
    }

    fn dependency(&mut self, edge: Edge, time_ns: u64) -> usize {
        if let Some(&index) = self.edges.get(&edge) {
            return index;
        }
        let index = self.dependencies.len();
        self.dependencies.push(Dependency {
            edge,
            direct: false,
            first_ns: time_ns,
            last_ns: time_ns,
            tasks: BTreeSet::new(),
            evidence: Vec::new(),
        });
        self.edges.insert(edge, index);
        self.pairs.entry((edge.from, edge.to)).or_default().push(index);
        index
    }

    /// All dependencies, in order of appearance.
    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The dependencies between two locks.
    pub(crate) fn between(&self, from: LockId, to: LockId) -> impl Iterator<Item = (usize, &Dependency)> {
        let indices = self.pairs.get(&(from, to)).map_or(&[][..], Vec::as_slice);
        indices
            .iter()
            .filter_map(|&index| Some((index, self.dependencies.get(index)?)))
    }

    /// All situations, in order of appearance.
    pub(crate) fn situations(&self) -> &[Situation] {
        &self.situations
    }

    /// The reload window a piece of evidence is from. Of another task on a known chain nobody tells which one it was in.
    pub(crate) fn window(&self, evidence: &Evidence) -> Option<WindowKey> {
        self.situation(evidence).filter(|_| !evidence.among_others)?.window
    }

    /// The locks held in a piece of evidence, and the one requested.
    pub(crate) fn situation(&self, evidence: &Evidence) -> Option<&Situation> {
        self.situations.get(evidence.situation)
    }

    /// Locks and who is requested under whom, without what `skip` tells to leave out.
    pub(crate) fn locks(&self, skip: impl Fn(LockId, LockId) -> bool) -> DiGraphMap<LockId, ()> {
        self.pairs
            .keys()
            .filter(|&&(from, to)| !skip(from, to))
            .map(|&(from, to)| (from, to, ()))
            .collect()
    }
}
