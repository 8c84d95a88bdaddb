//! Breaks: the fewest acquisitions to take out so that a connected set of cycles is gone.
//!
//! What can be taken out is what `--without` understands: a lock as one function takes it, or a dependency where no function is
//! known. A set is covered as in the implicit hitting set method (Moreno-Centeno and Karp, Operations Research 61, 2013): the
//! smallest covers of the cycles that were found are judged like any other what-if, and cycles that are left go into the next round.

mod cover;
mod cycle;
mod disturbance;
mod way;

use std::collections::BTreeSet;

use super::findings::{self, Limits};
use super::level::Levels;
use super::lock::LockId;
use super::snapshot::{Break, Choice, Finding};
use super::view::View;
use super::without;
use cover::Cover;
use cycle::{Cycle, Cycles};
use disturbance::Disturbance;
use way::{Way, Ways};

/// Sets that are looked at, the most severe first.
const MAX_SETS: usize = 16;

/// Choices that are shown per set.
const MAX_CHOICES: usize = 5;

/// Covers that are judged per set.
const MAX_JUDGED: usize = 24;

/// For every connected set of cycles at warning or above, what breaks it.
pub(crate) fn find(levels: &Levels<'_>, findings: &[Finding]) -> Vec<Break> {
    let findings: Vec<_> = findings.iter().filter(|finding| counts(finding)).collect();
    if findings.is_empty() {
        return Vec::new();
    }
    let view = levels.view;
    let cycles = Cycles::of(levels);
    let disturbance = Disturbance::of(view.graph(), &cycles.ways);
    let found = findings
        .iter()
        .map(|finding| (finding.id, cycles.cycle(view.graph(), finding)));
    let sets = connected(found.collect()).into_iter().take(MAX_SETS);
    sets.map(|set| of_set(view, &cycles, &disturbance, set)).collect()
}

/// Notes are no deadlocks, and breaches of a rule are no cycles.
fn counts(finding: &Finding) -> bool {
    finding.severity != "note" && finding.verdict.is_some() && !finding.dependencies.is_empty()
}

/// Cycles that share a class, in the order of their findings.
fn connected(cycles: Vec<(u32, Cycle)>) -> Vec<Vec<(u32, Cycle)>> {
    type Classes = BTreeSet<u32>;
    let mut sets: Vec<(Classes, Vec<(u32, Cycle)>)> = Vec::new();
    for (id, cycle) in cycles {
        let mut classes = cycle.classes.clone();
        let mut members = Vec::new();
        let mut apart = Vec::new();
        for (known, set) in sets {
            if known.is_disjoint(&cycle.classes) {
                apart.push((known, set));
            } else {
                classes.extend(known);
                members.extend(set);
            }
        }
        members.push((id, cycle));
        apart.push((classes, members));
        sets = apart;
    }
    let mut sets: Vec<_> = sets.into_iter().map(|(_, members)| members).collect();
    for set in &mut sets {
        set.sort_by_key(|(id, _)| *id);
    }
    sets.sort_by_key(|set| set.first().map(|(id, _)| *id));
    sets
}

fn of_set(view: &View<'_>, all: &Cycles<'_, '_>, disturbance: &Disturbance, set: Vec<(u32, Cycle)>) -> Break {
    let (findings, mut cycles): (Vec<u32>, Vec<Cycle>) = set.into_iter().unzip();
    let classes: BTreeSet<u32> = cycles.iter().flat_map(|cycle| cycle.classes.iter().copied()).collect();
    let shown = cycles.len();
    let mut choices = Vec::new();
    let mut exact = true;
    let mut judged = 0;
    'rounds: while judged < MAX_JUDGED {
        let Cover { mut covers, complete } = cover::smallest(&cycles);
        exact &= complete;
        covers.sort_by_cached_key(|cover| disturbance.rank(cover));
        let mut fresh = Vec::new();
        for cover in covers {
            if judged == MAX_JUDGED || choices.len() == MAX_CHOICES {
                break 'rounds;
            }
            judged += 1;
            let left = left(view, all, &classes, &cover);
            if left.is_empty() {
                let of_findings = cycles.iter().take(shown);
                choices.push(choice(&all.ways, &cover, of_findings));
            } else {
                fresh.extend(left);
            }
        }
        let known = cycles.len();
        fresh.retain(|cycle: &Cycle| !cycles.contains(cycle));
        cycles.extend(fresh);
        if !choices.is_empty() || cycles.len() == known {
            break;
        }
    }
    let exact = exact && !choices.is_empty();
    Break {
        findings,
        choices,
        exact,
    }
}

fn choice<'a>(ways: &Ways<'_>, cover: &BTreeSet<Way>, cycles: impl Iterator<Item = &'a Cycle>) -> Choice {
    let gone = cycles.flat_map(|cycle| cycle.dependencies_covered_by(cover));
    let gone: BTreeSet<u32> = gone.collect();
    Choice {
        without: ways.without(cover).iter().map(ToString::to_string).collect(),
        dependencies: gone.into_iter().collect(),
    }
}

/// The cycles among these classes that are there without what a cover takes out.
fn left(view: &View<'_>, all: &Cycles<'_, '_>, classes: &BTreeSet<u32>, cover: &BTreeSet<Way>) -> Vec<Cycle> {
    let without = all.ways.without(cover);
    let within = |lock: LockId| classes.contains(&view.class_number(lock));
    let graph = without::rest(view, &without, |edge| within(edge.from) && within(edge.to));
    let rest = view.with(graph);
    let left = findings::cycles(&Levels::of(&rest), &mut Limits::default());
    let left = left.iter().filter(|finding| counts(finding));
    left.map(|finding| all.cycle(rest.graph(), finding)).collect()
}
