//! A snapshot by classes: its locks merged, its dependencies by class and mode.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::super::rotation;
use super::super::snapshot::{Dependency, Evidence, Finding, Mode, Snapshot};
use super::document::DependencySide;
use super::place::{self, Functions, Places};

/// Class of an id that leads nowhere: a document from elsewhere can have one.
const NO_CLASS: &str = "?";

/// Kind of what stands for the end of a thread, and the class of all of them.
const THREAD: &str = "thread";

/// What makes a dependency between classes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) from: &'a str,
    pub(super) from_mode: Mode,
    pub(super) to: &'a str,
    pub(super) to_mode: Mode,
}

/// A dependency between two classes: all those between their locks.
#[derive(Debug, Default)]
pub(super) struct Merged<'a> {
    pub(super) places: Places,
    of: Vec<&'a Dependency>,
    count: u64,
    direct: bool,
    /// Some lock was taken without a trylock.
    blocking: bool,
}

impl<'a> Merged<'a> {
    fn add(&mut self, dependency: &'a Dependency) {
        self.of.push(dependency);
        self.count = self.count.saturating_add(dependency.count);
        self.direct |= dependency.direct;
        self.blocking |= !dependency.trylock;
        for evidence in &dependency.evidence {
            self.places.add(evidence);
        }
    }

    pub(super) fn side(&self) -> DependencySide {
        DependencySide {
            count: self.count,
            places: u64::try_from(self.places.len()).unwrap_or(u64::MAX),
            direct: self.direct,
            trylock: !self.blocking,
        }
    }
}

/// Where, and under which classes in which modes, by a trylock or not.
pub(super) type Situation<'a> = (Functions, Vec<(&'a str, Mode, bool)>);

/// A snapshot by classes.
pub(super) struct ByClass<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) dependencies: BTreeMap<Key<'a>, Merged<'a>>,
    by_id: HashMap<u32, &'a str>,
    by_name: HashMap<&'a str, &'a str>,
    threads: HashSet<&'a str>,
    dependency_by_id: HashMap<u32, &'a Dependency>,
}

impl<'a> ByClass<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut classes = Self {
            snapshot,
            dependencies: BTreeMap::new(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            threads: HashSet::new(),
            dependency_by_id: HashMap::new(),
        };
        for lock in &snapshot.locks {
            // What stands for the end of a thread is called after its task.
            let class = if lock.kind == THREAD {
                classes.threads.insert(&lock.class);
                THREAD
            } else {
                &lock.class
            };
            classes.by_id.insert(lock.id, class);
            classes.by_name.entry(&lock.name).or_insert(class);
        }
        for dependency in &snapshot.dependencies {
            let key = classes.key(dependency);
            classes.dependencies.entry(key).or_default().add(dependency);
            classes.dependency_by_id.entry(dependency.id).or_insert(dependency);
        }
        classes
    }

    pub(super) fn key(&self, dependency: &'a Dependency) -> Key<'a> {
        Key {
            from: self.class(dependency.from),
            from_mode: dependency.from_mode,
            to: self.class(dependency.to),
            to_mode: dependency.to_mode,
        }
    }

    fn class(&self, lock: u32) -> &'a str {
        self.by_id.get(&lock).copied().unwrap_or(NO_CLASS)
    }

    /// All situations that a dependency was seen in.
    pub(super) fn situations(&self, key: &Key<'_>) -> BTreeSet<Situation<'a>> {
        let dependencies = self.dependencies.get(key).into_iter().flat_map(|merged| &merged.of);
        let evidence = dependencies.flat_map(|dependency| &dependency.evidence);
        let situation = |evidence: &'a Evidence| {
            let held = evidence.held.iter();
            let held = held.map(|held| (self.class(held.lock), held.mode, held.trylock));
            (place::of(evidence).0, held.collect())
        };
        evidence.map(situation).collect()
    }

    pub(super) fn dependency(&self, id: u32) -> Option<&'a Dependency> {
        self.dependency_by_id.get(&id).copied()
    }

    /// The classes of a finding's locks, from the smallest rotation on: which lock's name is the smallest says nothing of the classes.
    pub(super) fn classes(&self, finding: &'a Finding) -> Vec<&'a str> {
        let class = |name: &'a String| match finding.level.as_str() {
            "class" if self.threads.contains(name.as_str()) => THREAD,
            "class" => name,
            _ => self.by_name.get(name.as_str()).copied().unwrap_or(name),
        };
        let mut classes: Vec<_> = finding.locks.iter().map(class).collect();
        let start = rotation::smallest(&classes);
        classes.rotate_left(start);
        classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read_from;

    fn read(text: &str) -> Snapshot {
        read_from("trace", text.as_bytes()).expect("a trace")
    }

    #[test]
    fn the_locks_of_a_class_are_one() {
        let trace = "T1|acq(A#1)|f\nT1|acq(B#1)|g\nT2|try(A#2)|f\nT2|acq(B#2)|h\nT3|try(C)|f\nT3|acq(B#1)|f\n";
        let snapshot = read(trace);
        let by_class = ByClass::new(&snapshot);
        let sides: Vec<_> = by_class
            .dependencies
            .iter()
            .map(|(key, merged)| (key.from, key.to, merged.side()))
            .collect();
        let side = |count, places, trylock| DependencySide {
            count,
            places,
            direct: true,
            trylock,
        };
        assert_eq!(sides, [("A", "B", side(2, 2, false)), ("C", "B", side(1, 1, true))]);
    }

    #[test]
    fn modes_tell_dependencies_apart() {
        let snapshot = read("T1|racq(A)|f\nT1|acq(B)|f\nT2|acq(A)|f\nT2|acq(B)|f\n");
        assert_eq!(ByClass::new(&snapshot).dependencies.len(), 2);
    }

    #[test]
    fn classes_of_a_finding_start_the_same_whatever_instances_are_called() {
        let trace = |x: &str, y: &str| -> String {
            let side = |(n, (from, to)): (usize, (&str, &str))| format!("T{n}|acq({from})|\nT{n}|acq({to})|\n");
            [(x, "Z"), ("Z", y), (y, "Y"), ("Y", x)]
                .into_iter()
                .enumerate()
                .map(side)
                .collect()
        };
        for (x, y) in [("X#1", "X#2"), ("X#2", "X#1")] {
            let snapshot = read(&trace(x, y));
            assert_eq!(snapshot.findings[0].locks[0], "X#1");
            assert_eq!(
                ByClass::new(&snapshot).classes(&snapshot.findings[0]),
                ["X", "Y", "X", "Z"]
            );
        }
    }

    #[test]
    fn ids_that_lead_nowhere_do_no_harm() {
        let mut snapshot = read("T1|acq(A)|f\nT1|acq(A)|g\n");
        snapshot.locks.clear();
        let by_class = ByClass::new(&snapshot);
        assert_eq!(by_class.dependencies.keys().next().map(|key| key.from), Some(NO_CLASS));
        assert_eq!(by_class.classes(&snapshot.findings[0]), ["A"]);
        assert!(by_class.dependency(77).is_none());
    }
}
