//! The order graph: which lock was requested while which was held, and what proves it.
//!
//! The components of locks that are on cycles with each other are known after every dependency, so that nobody has to search the whole
//! graph for them.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::component::Components;
use super::event::{Mode, WindowKey};
use super::held::Taken;
use super::lock::LockId;
use super::stack::StackId;
use super::strand::{Place, Runner};
use super::task::TaskRef;

/// Evidence kept per dependency. Guards need the distinct situations; so many of them are a workload that varies endlessly.
pub(crate) const MAX_EVIDENCE: usize = 64;

/// A held stack, what was requested on top: a chain with its locks resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Situation {
    /// In order of acquisition.
    pub(crate) held: Box<[Taken]>,
    /// What was requested.
    pub(crate) request: Taken,
    /// The reload window it happened in.
    pub(crate) window: Option<WindowKey>,
    /// Why the task was in the kernel, beside the window.
    pub(crate) origin: Option<Box<str>>,
}

/// One task in one situation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// Index of the situation.
    pub(crate) situation: u32,
    /// Position of `from` in its held stack.
    pub(crate) from: u16,
    /// Where `from` was taken and the other requested, once the graph keeps it: compared so often that looking it up is too slow.
    pub(crate) stacks: [StackId; 2],
    /// The source tells one task more, and there may be others that it does not tell.
    pub(crate) among_others: bool,
    /// Who.
    pub(crate) task: TaskRef,
    /// Whose steps they are: the task's own or a work item's.
    pub(crate) runner: Runner,
    /// Where in the trace; `None` is anywhere.
    pub(crate) place: Option<Place>,
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
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// Which.
    pub(crate) edge: Edge,
    /// lockdep would record it too.
    pub(crate) direct: bool,
    /// When first and when last seen anew, in ns.
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    /// What proves it, in distinct ways.
    pub(crate) evidence: SmallVec<[Evidence; 1]>,
    /// What proves the same in other functions or on other paths: nothing more for a verdict, but who takes one place out has these left.
    pub(crate) elsewhere: Vec<Evidence>,
    /// How much of either was not kept.
    pub(crate) dropped: u64,
    /// The next one between the same locks, in other modes.
    next: Option<u32>,
}

impl Dependency {
    /// Everything that proves it.
    pub(crate) fn all_evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter().chain(&self.elsewhere)
    }

    /// How many different tasks were seen, of those that are kept.
    pub(crate) fn tasks(&self) -> usize {
        let mut tasks: Vec<_> = self.evidence.iter().map(|evidence| evidence.task.id).collect();
        tasks.sort();
        tasks.dedup();
        tasks.len()
    }
}

/// What became of a piece of evidence.
pub(crate) struct Added {
    /// The held lock was taken by a trylock.
    trylock: bool,
    /// It is kept, or was known.
    is_known: bool,
}

/// All dependencies.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderGraph {
    situations: Vec<Situation>,
    dependencies: Vec<Dependency>,
    /// The first dependency between two locks.
    pairs: HashTable<u32>,
    /// Who is requested under whom, each pair once.
    components: Components,
    /// The locks that were requested while they were held.
    loops: Vec<LockId>,
}

/// What a held lock and a request on top of it make.
pub(crate) fn edge(from: &Taken, request: &Taken) -> Edge {
    Edge {
        from: from.lock,
        to: request.lock,
        from_mode: from.mode,
        to_mode: request.mode,
        trylock: from.trylock,
    }
}

fn hash(from: LockId, to: LockId) -> u64 {
    FxBuildHasher.hash_one((from, to))
}

impl OrderGraph {
    /// Keeps a situation.
    pub(crate) fn add_situation(&mut self, situation: Situation) -> u32 {
        self.situations.push(situation);
        u32::try_from(self.situations.len() - 1).unwrap_or(u32::MAX)
    }

    /// Every held lock -> the requested lock. A trylock request waits for nobody and proves none. Tells whether all of it is known now.
    pub(crate) fn add(&mut self, evidence: Evidence) -> bool {
        let Some(situation) = self.situations.get(evidence.situation as usize) else {
            return true;
        };
        if situation.request.trylock {
            return true;
        }
        let mut direct = true;
        let mut is_known = true;
        for position in (0..situation.held.len()).rev() {
            let from = u16::try_from(position).unwrap_or(u16::MAX);
            let added = self.add_one(Evidence { from, ..evidence }, direct);
            // lockdep's check_prevs_add() goes back to the newest hold that is no trylock.
            direct &= added.trylock;
            is_known &= added.is_known;
        }
        is_known
    }

    /// One held lock -> the requested lock.
    pub(crate) fn add_one(&mut self, evidence: Evidence, direct: bool) -> Added {
        let Some((edge, stacks)) = self.edge(&evidence) else {
            return Added {
                trylock: false,
                is_known: true,
            };
        };
        let evidence = Evidence { stacks, ..evidence };
        let index = self.dependency(edge, evidence.time_ns);
        let mut added = Added {
            trylock: edge.trylock,
            is_known: true,
        };
        let Some(dependency) = self.dependencies.get(index as usize) else {
            return added;
        };
        let known = dependency.evidence.iter().any(|known| self.alike(known, &evidence));
        let elsewhere = known && !dependency.all_evidence().any(|known| known.stacks == stacks);
        if let Some(dependency) = self.dependencies.get_mut(index as usize) {
            dependency.direct |= direct;
            dependency.last_ns = dependency.last_ns.max(evidence.time_ns);
            if !known && dependency.evidence.len() < MAX_EVIDENCE {
                dependency.evidence.push(evidence);
            } else if elsewhere && dependency.elsewhere.len() < MAX_EVIDENCE {
                dependency.elsewhere.push(evidence);
            } else if !known || elsewhere {
                dependency.dropped += 1;
                added.is_known = false;
            }
        }
        added
    }

    /// How much evidence was not kept.
    pub(crate) fn evidence_dropped(&self) -> u64 {
        self.dependencies.iter().map(|dependency| dependency.dropped).sum()
    }

    /// What a piece of evidence proves, and its stacks.
    fn edge(&self, evidence: &Evidence) -> Option<(Edge, [StackId; 2])> {
        let Situation { held, request, .. } = self.situation(evidence)?;
        let from = held.get(usize::from(evidence.from))?;
        Some((edge(from, request), [from.stack, request.stack]))
    }

    /// Evidence is distinct by who, when among the others, and the locks; not by where they were taken.
    fn alike(&self, a: &Evidence, b: &Evidence) -> bool {
        let when = |evidence: &Evidence| evidence.place.map(|place| (place.strand, place.segment));
        let who = |evidence: &Evidence| (evidence.task.id, evidence.runner, evidence.from);
        if who(a) != who(b) || when(a) != when(b) {
            return false;
        }
        if a.situation == b.situation {
            return true;
        }
        let (Some(a), Some(b)) = (self.situation(a), self.situation(b)) else {
            return false;
        };
        let same = |(a, b): (&Taken, &Taken)| (a.lock, a.mode, a.trylock) == (b.lock, b.mode, b.trylock);
        a.window == b.window && a.held.len() == b.held.len() && a.held.iter().zip(&b.held).all(same)
    }

    fn dependency(&mut self, edge: Edge, time_ns: u64) -> u32 {
        let index = u32::try_from(self.dependencies.len()).unwrap_or(u32::MAX);
        let mut last = None;
        for (known, dependency) in self.between(edge.from, edge.to) {
            if dependency.edge == edge {
                return known;
            }
            last = Some(known);
        }
        self.dependencies.push(Dependency {
            edge,
            direct: false,
            first_ns: time_ns,
            last_ns: time_ns,
            evidence: SmallVec::new(),
            elsewhere: Vec::new(),
            dropped: 0,
            next: None,
        });
        match last.and_then(|last| self.dependencies.get_mut(last as usize)) {
            Some(last) => last.next = Some(index),
            None => {
                let dependencies = &self.dependencies;
                let hash_of = |&index: &u32| {
                    let edge = dependencies.get(index as usize).map(|dependency| dependency.edge);
                    edge.map_or(0, |edge| hash(edge.from, edge.to))
                };
                self.pairs.insert_unique(hash(edge.from, edge.to), index, hash_of);
                self.components.insert(edge.from.0, edge.to.0);
                if edge.from == edge.to {
                    self.loops.push(edge.from);
                }
            }
        }
        index
    }

    /// All dependencies, in order of appearance.
    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// The dependencies between two locks.
    pub(crate) fn between(&self, from: LockId, to: LockId) -> impl Iterator<Item = (u32, &Dependency)> {
        let is_pair = |&index: &u32| {
            let edge = self.dependencies.get(index as usize).map(|dependency| dependency.edge);
            edge.is_some_and(|edge| edge.from == from && edge.to == to)
        };
        let first = self.pairs.find(hash(from, to), is_pair).copied();
        let at = |index: u32| Some((index, self.dependencies.get(index as usize)?));
        std::iter::successors(first.and_then(at), move |(_, dependency)| dependency.next.and_then(at))
    }

    /// The number of a dependency.
    pub(crate) fn index(&self, edge: Edge) -> Option<u32> {
        let mut between = self.between(edge.from, edge.to);
        between
            .find(|(_, dependency)| dependency.edge == edge)
            .map(|(index, _)| index)
    }

    /// The locks by who is on a cycle with whom; the numbers are those of the locks.
    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    /// The locks that were requested while they were held, in order of appearance.
    pub(crate) fn loops(&self) -> &[LockId] {
        &self.loops
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
        self.situations.get(evidence.situation as usize)
    }
}
