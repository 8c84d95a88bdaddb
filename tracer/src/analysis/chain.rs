//! Chains that were seen, each once: a held stack, what was requested on top, and by whom.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::event::ChainKey;
use super::graph::{Evidence, OrderGraph, Situation};
use super::held::Taken;
use super::lock::LockId;
use super::stack::StackId;
use super::strand::{Place, Runner};
use super::task::{TaskId, TaskRef};

/// Places of one chain that are kept. One that was at more places is taken to have been anywhere, so that nothing is ruled out for it.
const MAX_PLACES: usize = 16;

/// A chain that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Its locks, where they are needed.
    pub(crate) situation: Option<u32>,
    pub(crate) task: TaskRef,
    pub(crate) runner: Runner,
    pub(crate) time_ns: u64,
    pub(crate) count: u64,
    /// Where in the trace; the first in each segment.
    places: SmallVec<[Place; 1]>,
    anywhere: bool,
}

impl Seen {
    fn evidence(&self, situation: u32, place: Option<Place>) -> Evidence {
        Evidence {
            situation,
            from: 0,
            stacks: [StackId::NONE; 2],
            among_others: false,
            task: self.task,
            runner: self.runner,
            place,
            time_ns: self.time_ns,
        }
    }

    /// Where it was seen: `None` is anywhere.
    fn everywhere(&self) -> impl Iterator<Item = Option<Place>> {
        let anywhere = self.anywhere || self.places.is_empty();
        self.places.iter().copied().map(Some).chain(anywhere.then_some(None))
    }
}

/// A request of one task on top of what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) task: TaskRef,
    pub(crate) runner: Runner,
    pub(crate) held: &'a [Taken],
    pub(crate) request: Taken,
}

impl Request<'_> {
    fn hash(&self) -> u64 {
        FxBuildHasher.hash_one((self.runner, self.task.id, self.held, self.request))
    }
}

/// All chains.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    all: Vec<Seen>,
    /// Those that a source has numbered.
    by_key: FxHashMap<ChainKey, u32>,
    /// The tasks other than the first that numbered chains were seen with, where nothing more can come of them.
    told: FxHashSet<(u32, TaskId)>,
    /// Those that were made of steps.
    by_steps: HashTable<u32>,
    /// The same, by the task that made them.
    by_task: FxHashMap<TaskId, Vec<u32>>,
    /// Chains that have to get on before something is done, with that something at the bottom of what they hold.
    owed: FxHashMap<(LockId, u32), u32>,
}

impl Chains {
    /// A chain of a source that numbers them.
    pub(crate) fn by_key(&mut self, key: ChainKey) -> Option<&mut Seen> {
        self.all.get_mut(*self.by_key.get(&key)? as usize)
    }

    /// The same, to look at.
    pub(crate) fn known(&self, key: ChainKey) -> Option<&Seen> {
        self.all.get(*self.by_key.get(&key)? as usize)
    }

    /// Keeps a chain of a source that numbers them.
    pub(crate) fn add_keyed(
        &mut self,
        key: ChainKey,
        task: TaskRef,
        runner: Runner,
        situation: Option<u32>,
        time_ns: u64,
    ) {
        let index = self.push(Seen {
            situation,
            task,
            runner,
            time_ns,
            count: 1,
            places: SmallVec::new(),
            anywhere: true,
        });
        self.by_key.insert(key, index);
    }

    fn push(&mut self, seen: Seen) -> u32 {
        self.all.push(seen);
        u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
    }

    /// A chain of a source that numbers them, and one more task that goes along it. False when the chain is unknown.
    pub(crate) fn again_keyed(&mut self, graph: &mut OrderGraph, key: ChainKey, task: TaskRef) -> bool {
        let Some(&chain) = self.by_key.get(&key) else {
            return false;
        };
        let situated = self
            .all
            .get(chain as usize)
            .and_then(|seen| Some((seen, seen.situation?)));
        if let Some((seen, situation)) = situated
            && !self.told.contains(&(chain, task.id))
        {
            let is_known = graph.add(Evidence {
                among_others: true,
                task,
                runner: match seen.runner {
                    Runner::Task(_) => Runner::Task(task.id),
                    work => work,
                },
                ..seen.evidence(situation, None)
            });
            // What was not kept is counted each time that it is seen.
            if is_known {
                self.told.insert((chain, task.id));
            }
        }
        true
    }

    /// A chain made of steps, when it is known.
    pub(crate) fn find(&self, graph: &OrderGraph, request: Request<'_>) -> Option<u32> {
        let same = |&index: &u32| {
            let seen = self.all.get(index as usize);
            let situation = seen.and_then(|seen| graph.situations().get(seen.situation? as usize));
            seen.is_some_and(|seen| seen.runner == request.runner && seen.task.id == request.task.id)
                && situation.is_some_and(|known| known.request == request.request && *known.held == *request.held)
        };
        self.by_steps.find(request.hash(), same).copied()
    }

    /// Keeps a chain made of steps.
    pub(crate) fn add(&mut self, graph: &mut OrderGraph, request: Request<'_>, place: Place, time_ns: u64) -> u32 {
        let situation = graph.add_situation(Situation {
            held: request.held.into(),
            request: request.request,
            window: None,
            origin: None,
        });
        let seen = Seen {
            situation: Some(situation),
            task: request.task,
            runner: request.runner,
            time_ns,
            count: 1,
            places: SmallVec::from_elem(place, 1),
            anywhere: false,
        };
        graph.add(seen.evidence(situation, Some(place)));
        let index = self.push(seen);
        let all = &self.all;
        let hash_of = |&index: &u32| all.get(index as usize).map_or(0, |seen| hash_again(graph, seen));
        self.by_steps.insert_unique(request.hash(), index, hash_of);
        self.by_task.entry(request.task.id).or_default().push(index);
        index
    }

    /// A known chain of steps once more. Another segment of the trace is more evidence: what orders the one need not order the other.
    pub(crate) fn again(&mut self, graph: &mut OrderGraph, chain: u32, place: Place) -> Option<Option<Place>> {
        let seen = self.all.get_mut(chain as usize)?;
        seen.count = seen.count.saturating_add(1);
        let same = |known: &Place| (known.strand, known.segment) == (place.strand, place.segment);
        if seen.anywhere || seen.places.iter().rev().any(same) {
            return None;
        }
        let place = (seen.places.len() < MAX_PLACES).then_some(place);
        match place {
            Some(place) => seen.places.push(place),
            None => seen.anywhere = true,
        }
        graph.add(seen.evidence(seen.situation?, place));
        Some(place)
    }

    /// This has to happen before `what` is done.
    pub(crate) fn owe(&mut self, graph: &mut OrderGraph, what: Taken, chain: u32, place: Option<Place>) {
        self.owe_by(graph, what, chain, None, place);
    }

    /// The same by a task that need not be the first on the chain.
    fn owe_by(&mut self, graph: &mut OrderGraph, what: Taken, chain: u32, task: Option<TaskRef>, place: Option<Place>) {
        let Some(seen) = self.all.get(chain as usize) else {
            return;
        };
        let situation = match self.owed.get(&(what.lock, chain)) {
            Some(&situation) => situation,
            None => {
                let Some(known) = seen.situation.and_then(|known| graph.situations().get(known as usize)) else {
                    return;
                };
                let held = std::iter::once(what).chain(known.held.iter().copied()).collect();
                let (request, window) = (known.request, known.window);
                let situation = graph.add_situation(Situation {
                    held,
                    request,
                    window,
                    origin: None,
                });
                self.owed.insert((what.lock, chain), situation);
                situation
            }
        };
        let evidence = seen.evidence(situation, place);
        let evidence = match task {
            Some(task) => Evidence {
                task,
                runner: Runner::Task(task.id),
                ..evidence
            },
            None => evidence,
        };
        graph.add_one(evidence, true);
    }

    /// How many chains have to get on before something is done.
    pub(crate) fn owed(&self) -> u64 {
        self.owed.len() as u64
    }

    /// All that this task has requested has to happen before it ends.
    pub(crate) fn owe_all(&mut self, graph: &mut OrderGraph, what: Taken, task: TaskId) {
        let chains = self.by_task.get(&task).cloned().unwrap_or_default();
        for chain in chains {
            let own = self
                .all
                .get(chain as usize)
                .filter(|seen| seen.runner == Runner::Task(task));
            let places: Vec<_> = own.into_iter().flat_map(Seen::everywhere).collect();
            for place in places {
                self.owe(graph, what, chain, place);
            }
        }
    }

    /// The same of a task whose chains were numbered.
    pub(crate) fn owe_all_keyed(&mut self, graph: &mut OrderGraph, what: Taken, task: TaskRef) {
        let of_task = |(chain, seen): (u32, &Seen)| {
            let went = seen.task.id == task.id || self.told.contains(&(chain, task.id));
            went.then_some(chain)
        };
        let chains: Vec<_> = (0..).zip(&self.all).filter_map(of_task).collect();
        for chain in chains {
            self.owe_by(graph, what, chain, Some(task), None);
        }
    }

    /// One more task goes along a numbered chain, and somebody waits for its end.
    pub(crate) fn owe_keyed(&mut self, graph: &mut OrderGraph, what: Taken, key: ChainKey, task: TaskRef) {
        if let Some(&chain) = self.by_key.get(&key) {
            self.owe_by(graph, what, chain, Some(task), None);
        }
    }

    /// All of them, in order of appearance.
    pub(crate) fn all(&self) -> &[Seen] {
        &self.all
    }
}

fn hash_again(graph: &OrderGraph, seen: &Seen) -> u64 {
    let situation = seen.situation.and_then(|index| graph.situations().get(index as usize));
    situation.map_or(0, |situation| {
        Request {
            task: seen.task,
            runner: seen.runner,
            held: &situation.held,
            request: situation.request,
        }
        .hash()
    })
}
