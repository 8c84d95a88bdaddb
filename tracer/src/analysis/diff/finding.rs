//! Which findings are new, gone, or not the same.
//!
//! Findings with the same fingerprint are the same. So are those of one kind and level about the same classes; the ones that no
//! fingerprint matches are paired, the most severe first. What a report shows of a cycle is one of many pieces of evidence, and which
//! one, and so which locks were taken in between, can depend on the names of its locks. So a finding without a partner is new only when
//! the other side has none of this circle that is as severe, or has not seen its places.

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::super::findings::{rank, severity_rank};
use super::super::rotation;
use super::super::snapshot::Finding;
use super::by_class::{ByClass, Key};
use super::document::{FindingChange, FindingChanges, FindingPlace, FindingSide, Place};
use super::place::{self, Functions, Known};

/// Severity and verdict; the smaller, the more severe.
type Rank = (usize, usize);

/// What findings that could be the same have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'a> {
    classes: Vec<&'a str>,
    kind: &'a str,
    level: &'a str,
}

/// All findings of one fingerprint.
struct Group<'a> {
    /// The most severe one stands for all.
    finding: &'a Finding,
    subject: Subject<'a>,
    /// The same without the locks that the sides took in between.
    circle: Subject<'a>,
    rank: Rank,
    sides: Vec<(Key<'a>, Functions, Place)>,
    count: u64,
}

/// The findings of one snapshot.
struct Findings<'a> {
    of: &'a ByClass<'a>,
    by_fingerprint: BTreeMap<&'a str, Group<'a>>,
    /// How many of which rank there are of the same circle.
    ranks: BTreeMap<Subject<'a>, BTreeMap<Rank, u64>>,
}

impl<'a> Findings<'a> {
    fn new(of: &'a ByClass<'a>) -> Self {
        let mut findings = Self {
            of,
            by_fingerprint: BTreeMap::new(),
            ranks: BTreeMap::new(),
        };
        for finding in &of.snapshot.findings {
            findings.add(finding);
        }
        findings
    }

    fn add(&mut self, finding: &'a Finding) {
        let sides = self.sides(finding);
        let subject = |classes| Subject {
            classes,
            kind: finding.kind.as_str(),
            level: finding.level.as_str(),
        };
        let mut group = Group {
            finding,
            subject: subject(self.of.classes(finding)),
            circle: subject(circle(&sides)),
            rank: (
                severity_rank(&finding.severity),
                finding.verdict.as_deref().map_or(0, rank),
            ),
            sides,
            count: finding.count,
        };
        let ranks = self.ranks.entry(group.circle.clone()).or_default();
        let same = ranks.entry(group.rank).or_default();
        *same = same.saturating_add(finding.count);
        match self.by_fingerprint.entry(&finding.fingerprint) {
            Entry::Vacant(entry) => {
                entry.insert(group);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                if (group.rank, &group.subject) < (known.rank, &known.subject) {
                    std::mem::swap(known, &mut group);
                }
                known.count = known.count.saturating_add(group.count);
            }
        }
    }

    fn sides(&self, finding: &'a Finding) -> Vec<(Key<'a>, Functions, Place)> {
        let sides = finding.scenario.iter().filter_map(|side| {
            let dependency = self.of.dependency(side.dependency)?;
            let (functions, place) = place::of(dependency.evidence.get(side.evidence as usize)?);
            Some((self.of.key(dependency), functions, place))
        });
        sides.collect()
    }

    /// Those with a fingerprint that the other side has not, by subject, the most severe first.
    fn without<'s>(&'s self, other: &Self) -> BTreeMap<&'s Subject<'a>, Vec<&'s Group<'a>>> {
        let mut only: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (fingerprint, group) in &self.by_fingerprint {
            if !other.by_fingerprint.contains_key(fingerprint) {
                only.entry(&group.subject).or_default().push(group);
            }
        }
        for groups in only.values_mut() {
            // Stable: those of one rank stay in the order of their fingerprints.
            groups.sort_by_key(|group| group.rank);
        }
        only
    }

    /// Whether there is a finding of the same circle, at least as severe, and every place of this one was seen.
    fn covers(&self, group: &Group<'_>) -> bool {
        let as_severe = || {
            let ranks = self.ranks.get(&group.circle);
            ranks.is_some_and(|ranks| ranks.keys().next().is_some_and(|worst| *worst <= group.rank))
        };
        let seen = |(key, functions, _): &(Key<'_>, Functions, Place)| {
            let dependency = self.of.dependencies.get(key);
            dependency.is_some_and(|merged| merged.places.knows(functions) != Known::No)
        };
        !group.sides.is_empty() && as_severe() && group.sides.iter().all(seen)
    }
}

/// The classes that the sides of a cycle start from, from the smallest rotation on.
fn circle<'a>(sides: &[(Key<'a>, Functions, Place)]) -> Vec<&'a str> {
    let mut classes: Vec<_> = sides.iter().map(|(key, ..)| key.from).collect();
    let start = rotation::smallest(&classes);
    classes.rotate_left(start);
    classes
}

pub(super) fn compare(a: &ByClass<'_>, b: &ByClass<'_>) -> FindingChanges {
    let (a, b) = (&Findings::new(a), &Findings::new(b));
    let matched = a
        .by_fingerprint
        .iter()
        .filter_map(|(fingerprint, before)| Some((before, b.by_fingerprint.get(fingerprint)?)));
    let mut pairs: Vec<_> = matched.collect();
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    let (mut only_a, mut only_b) = (a.without(b), b.without(a));
    let subjects: BTreeSet<_> = only_a.keys().chain(only_b.keys()).copied().collect();
    for subject in subjects {
        let mut before = only_a.remove(subject).unwrap_or_default().into_iter();
        let mut after = only_b.remove(subject).unwrap_or_default().into_iter();
        loop {
            match (before.next(), after.next()) {
                (Some(before), Some(after)) => pairs.push((before, after)),
                (Some(before), None) => gone.push(before),
                (None, Some(after)) => new.push(after),
                (None, None) => break,
            }
        }
    }
    let new = new.into_iter().filter(|after| !a.covers(after));
    let gone = gone.into_iter().filter(|before| !b.covers(before));
    FindingChanges {
        new: sorted(new.map(|after| change(None, Some(after)))),
        gone: sorted(gone.map(|before| change(Some(before), None))),
        changed: sorted(
            pairs
                .into_iter()
                .filter_map(|(before, after)| changed(a, b, before, after)),
        ),
    }
}

/// A pair that is not the same.
fn changed(a: &Findings<'_>, b: &Findings<'_>, before: &Group<'_>, after: &Group<'_>) -> Option<FindingChange> {
    let covered = a.covers(after) && b.covers(before);
    let as_many = |circle: &Subject<'_>| a.ranks.get(circle) == b.ranks.get(circle);
    // The same verdicts from the same evidence, shown at each other's places.
    if covered && as_many(&before.circle) && as_many(&after.circle) && same_evidence(a, b, [before, after]) {
        return None;
    }
    let same_places = covered && before.rank == after.rank || before.finding.fingerprint == after.finding.fingerprint;
    let differs = [
        ("verdict", before.finding.verdict != after.finding.verdict),
        ("severity", before.finding.severity != after.finding.severity),
        ("level", before.finding.level != after.finding.level),
        ("places", !same_places),
    ];
    let mut change = change(Some(before), Some(after));
    change.changed = differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(what, _)| what.to_string())
        .collect();
    (!change.changed.is_empty()).then_some(change)
}

/// Whether both sides saw the dependencies of these findings in the same situations.
fn same_evidence(a: &Findings<'_>, b: &Findings<'_>, groups: [&Group<'_>; 2]) -> bool {
    let mut keys = groups.into_iter().flat_map(|group| &group.sides).map(|(key, _, _)| key);
    keys.all(|key| a.of.situations(key) == b.of.situations(key))
}

fn change(a: Option<&Group<'_>>, b: Option<&Group<'_>>) -> FindingChange {
    FindingChange {
        kind: a.or(b).map(|group| group.finding.kind.clone()).unwrap_or_default(),
        changed: Vec::new(),
        a: a.map(side),
        b: b.map(side),
    }
}

fn side(group: &Group<'_>) -> FindingSide {
    let finding = group.finding;
    let sides = group.sides.iter().map(|(key, _, place)| FindingPlace {
        from: key.from.to_string(),
        from_mode: key.from_mode,
        to: key.to.to_string(),
        to_mode: key.to_mode,
        place: place.clone(),
    });
    FindingSide {
        verdict: finding.verdict.clone(),
        severity: finding.severity.clone(),
        level: finding.level.clone(),
        title: finding.title.clone(),
        reason: finding.reason.clone(),
        classes: group.subject.classes.iter().map(ToString::to_string).collect(),
        fingerprint: finding.fingerprint.clone(),
        count: group.count,
        sides: sides.collect(),
    }
}

/// The most severe first, whichever side has it so; the same order when A and B are swapped.
fn sorted(changes: impl Iterator<Item = FindingChange>) -> Vec<FindingChange> {
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by(order);
    changes
}

fn order(one: &FindingChange, other: &FindingChange) -> Ordering {
    let key = |change: &FindingChange| {
        let mut sides: Vec<_> = change
            .a
            .iter()
            .chain(&change.b)
            .map(|side| {
                let rank = (severity_rank(&side.severity), side.verdict.as_deref().map_or(0, rank));
                (rank, side.classes.clone(), side.fingerprint.clone())
            })
            .collect();
        sides.sort();
        sides
    };
    key(one).cmp(&key(other)).then_with(|| one.kind.cmp(&other.kind))
}

#[cfg(test)]
mod tests;
