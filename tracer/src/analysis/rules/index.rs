//! A snapshot's locks and dependencies by what the rules ask for.

use std::collections::{HashMap, HashSet};

use super::pattern::Pattern;
use crate::analysis::snapshot::{Dependency, Evidence, Finding, Lock};

pub(super) struct Index<'a> {
    pub(super) dependencies: &'a [Dependency],
    locks: HashMap<u32, &'a Lock>,
    numbers: HashMap<u32, &'a Dependency>,
    classes: HashMap<&'a str, &'a str>,
}

impl<'a> Index<'a> {
    pub(super) fn new(locks: &'a [Lock], dependencies: &'a [Dependency]) -> Self {
        Self {
            dependencies,
            locks: locks.iter().map(|lock| (lock.id, lock)).collect(),
            numbers: dependencies
                .iter()
                .map(|dependency| (dependency.id, dependency))
                .collect(),
            classes: locks
                .iter()
                .map(|lock| (lock.name.as_str(), lock.class.as_str()))
                .collect(),
        }
    }

    /// Ids of the locks whose class is meant by one of the patterns.
    pub(super) fn meant(&self, patterns: &[Pattern]) -> HashSet<u32> {
        let locks = self.locks.values();
        let meant = locks.filter(|lock| patterns.iter().any(|pattern| pattern.matches(&lock.class)));
        meant.map(|lock| lock.id).collect()
    }

    /// What people call a lock.
    pub(super) fn name(&self, lock: u32) -> &'a str {
        self.locks.get(&lock).map_or("", |lock| &lock.name)
    }

    /// Class of a lock.
    pub(super) fn class(&self, lock: u32) -> &'a str {
        self.locks.get(&lock).map_or("", |lock| &lock.class)
    }

    /// Classes of a finding's locks. What is no lock's name is a class already, or something else that is waited for.
    pub(super) fn classes<'b>(&self, finding: &'b Finding) -> HashSet<&'b str>
    where
        'a: 'b,
    {
        let names = finding.locks.iter();
        names
            .map(|name| self.classes.get(name.as_str()).copied().unwrap_or(name))
            .collect()
    }

    /// Classes at both ends of a dependency.
    pub(super) fn ends(&self, dependency: u32) -> Option<(&'a str, &'a str)> {
        let dependency = self.numbers.get(&dependency)?;
        Some((self.class(dependency.from), self.class(dependency.to)))
    }

    /// The evidence that a finding shows.
    pub(super) fn evidence(&self, finding: &Finding) -> impl Iterator<Item = &'a Evidence> {
        let sides = finding.scenario.iter();
        sides.filter_map(|side| {
            let dependency = self.numbers.get(&side.dependency)?;
            dependency.evidence.get(usize::try_from(side.evidence).ok()?)
        })
    }
}
