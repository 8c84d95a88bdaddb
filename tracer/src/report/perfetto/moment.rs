//! Moments at which a task is seen to hold locks and to request another: what the evidence of all dependencies and the waits prove.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::track::TaskKey;
use crate::analysis::snapshot::{Dependency, Evidence, Held, Mode, Snapshot, Wait};

/// One request, with all that was held.
pub(super) struct Moment<'a> {
    pub(super) task: &'a str,
    pub(super) pid: Option<u32>,
    pub(super) time_ns: u64,
    /// In order of acquisition.
    pub(super) held: &'a [Held],
    /// Id of the requested lock.
    pub(super) lock: u32,
    pub(super) mode: Mode,
    /// Where it is requested, innermost frame first.
    pub(super) stack: &'a [Arc<str>],
    pub(super) origin: Option<&'a str>,
    /// It was not granted until the end of the capture.
    pub(super) wait: Option<&'a Wait>,
    /// The dependencies that were seen at this moment: one a held lock, at most.
    pub(super) dependencies: Vec<(&'a Dependency, &'a Evidence)>,
}

impl<'a> Moment<'a> {
    /// The dependency of a held lock on the requested one, where this moment was its evidence.
    pub(super) fn dependency(&self, held: &Held) -> Option<(&'a Dependency, &'a Evidence)> {
        let is_of = |of: &&(&Dependency, &Evidence)| {
            of.0.from == held.lock && of.0.from_mode == held.mode && of.0.trylock == held.trylock
        };
        self.dependencies.iter().find(is_of).copied()
    }
}

/// What two pieces of evidence have in common that are of the same moment.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time_ns: u64,
    task: TaskKey,
    lock: u32,
    mode: Mode,
    held: Vec<(u32, Mode, bool)>,
}

impl Key {
    fn of(moment: &Moment<'_>) -> Self {
        let held = moment.held.iter();
        Self {
            time_ns: moment.time_ns,
            task: TaskKey::of(moment.task, moment.pid),
            lock: moment.lock,
            mode: moment.mode,
            held: held.map(|held| (held.lock, held.mode, held.trylock)).collect(),
        }
    }
}

/// All moments in order of time.
pub(super) struct Moments<'a> {
    pub(super) all: Vec<Moment<'a>>,
    /// By dependency and number of its evidence: index of the moment.
    by_evidence: BTreeMap<(u32, u32), usize>,
}

impl<'a> Moments<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut moments: BTreeMap<Key, (Moment<'a>, Vec<(u32, u32)>)> = BTreeMap::new();
        for dependency in &snapshot.dependencies {
            for (number, evidence) in (0u32..).zip(&dependency.evidence) {
                let moment = seen(dependency, evidence);
                let (moment, numbers) = moments.entry(Key::of(&moment)).or_insert((moment, Vec::new()));
                moment.dependencies.push((dependency, evidence));
                numbers.push((dependency.id, number));
            }
        }
        for wait in &snapshot.waits {
            let moment = waiting(wait);
            let (moment, _) = moments.entry(Key::of(&moment)).or_insert((moment, Vec::new()));
            moment.wait = Some(wait);
        }
        let mut all = Vec::new();
        let mut by_evidence = BTreeMap::new();
        for (index, (moment, numbers)) in moments.into_values().enumerate() {
            by_evidence.extend(numbers.into_iter().map(|number| (number, index)));
            all.push(moment);
        }
        Self { all, by_evidence }
    }

    /// The moment that a piece of evidence is of, with its index.
    pub(super) fn at(&self, dependency: u32, evidence: u32) -> Option<(usize, &Moment<'a>)> {
        let &index = self.by_evidence.get(&(dependency, evidence))?;
        Some((index, self.all.get(index)?))
    }

    /// All waits with the indices of their moments, in order of time.
    pub(super) fn waits(&self) -> impl Iterator<Item = (usize, &'a Wait)> {
        let moments = self.all.iter().enumerate();
        moments.filter_map(|(index, moment)| Some((index, moment.wait?)))
    }
}

fn seen<'a>(dependency: &'a Dependency, evidence: &'a Evidence) -> Moment<'a> {
    Moment {
        task: &evidence.task,
        pid: evidence.pid,
        time_ns: evidence.time_ns,
        held: &evidence.held,
        lock: dependency.to,
        mode: dependency.to_mode,
        stack: &evidence.to_stack,
        origin: evidence.origin.as_deref(),
        wait: None,
        dependencies: Vec::new(),
    }
}

fn waiting(wait: &Wait) -> Moment<'_> {
    Moment {
        task: &wait.task,
        pid: wait.pid,
        time_ns: wait.since_ns,
        held: &wait.held,
        lock: wait.lock,
        mode: wait.mode,
        stack: &wait.stack,
        origin: None,
        wait: Some(wait),
        dependencies: Vec::new(),
    }
}
