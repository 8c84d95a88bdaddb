//! Every lock: what it is, who has it, and how it stands in the graph.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::findings::severity_rank;
use super::{Column, List, Width, descending, key_of, number};
use crate::analysis::event::Durations;
use crate::analysis::snapshot::Lock;
use crate::report::phrase;
use crate::tui::scene::{LockFacts, Scene};

/// The list of locks.
pub(super) struct Locks;

const COLUMNS: &[Column] = &[
    Column::text("lock", Width::Share(3)),
    Column::text("class", Width::Share(2)).only_from(100),
    Column::text("label", Width::Share(2)).only_from(160),
    Column::text("kind", Width::Cells(12)),
    Column::text("held by", Width::Share(2)),
    Column::number("waiters", 7),
    Column::number("requested", 9).only_from(100),
    Column::number("wait time", 10).only_from(120),
    Column::number("at most", 10).only_from(180),
    Column::number("hold time", 10).only_from(160),
    Column::number("at most", 10).only_from(180),
    Column::number("before", 6),
    Column::number("after", 6),
    Column::number("findings", 8),
];

impl List for Locks {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self, scene: &Scene) -> usize {
        scene.snapshot.locks.len()
    }

    fn key(&self, scene: &Scene, row: u32) -> u64 {
        scene.lock_key(row)
    }

    fn first_ns(&self, scene: &Scene, row: u32) -> u64 {
        scene.facts(row).map_or(0, |facts| facts.first_ns)
    }

    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str> {
        let Some(lock) = scene.lock(row) else {
            return Vec::new();
        };
        vec![
            &*lock.name,
            &lock.class,
            &lock.kind,
            lock.label.as_deref().unwrap_or_default(),
        ]
    }

    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str> {
        let (Some(lock), Some(facts)) = (scene.lock(row), scene.facts(row)) else {
            return Cow::Borrowed("");
        };
        match column {
            0 => lock.name.as_str().into(),
            1 if lock.class == lock.name => "".into(),
            1 => lock.class.as_str().into(),
            2 => lock.label.as_deref().unwrap_or_default().into(),
            3 => lock.kind.as_str().into(),
            4 => scene.holders(row).join(", ").into(),
            5 => number(facts.waiters.len()),
            6 => number(usize::try_from(taken(lock, facts)).unwrap_or(usize::MAX)),
            7 => took(lock.waited.map(total)),
            8 => took(lock.waited.map(longest)),
            9 => took(lock.held_for.map(total)),
            10 => took(lock.held_for.map(longest)),
            11 => number(scene.edges.before(row).len()),
            12 => number(scene.edges.after(row).len()),
            _ => number(facts.findings.len()),
        }
    }

    fn compare(&self, scene: &Scene, column: usize, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (scene.lock(a), scene.lock(b)) else {
            return Ordering::Equal;
        };
        let (Some(facts), Some(others)) = (scene.facts(a), scene.facts(b)) else {
            return Ordering::Equal;
        };
        match column {
            0 => one.name.cmp(&other.name),
            1 => one.class.cmp(&other.class),
            2 => one.label.cmp(&other.label),
            3 => one.kind.cmp(&other.kind),
            4 => descending(facts.holders.len(), others.holders.len()),
            5 => descending(facts.waiters.len(), others.waiters.len()),
            6 => descending(taken(one, facts), taken(other, others)),
            7 => descending(one.waited.map(total), other.waited.map(total)),
            8 => descending(one.waited.map(longest), other.waited.map(longest)),
            9 => descending(one.held_for.map(total), other.held_for.map(total)),
            10 => descending(one.held_for.map(longest), other.held_for.map(longest)),
            11 => descending(scene.edges.before(a).len(), scene.edges.before(b).len()),
            12 => descending(scene.edges.after(a).len(), scene.edges.after(b).len()),
            _ => descending(facts.findings.len(), others.findings.len()),
        }
    }

    /// What matters comes first: locks that are waited for, then those of findings, the most severe first.
    fn rank(&self, scene: &Scene, row: u32) -> u64 {
        let is_waited_for = scene.facts(row).is_some_and(|facts| !facts.waiters.is_empty());
        let rank = match (is_waited_for, self.severity(scene, row)) {
            (true, _) => 0,
            (false, Some(severity)) => 1 + severity_rank(severity),
            (false, None) => u64::from(u32::MAX),
        };
        rank << 32 | u64::from(row)
    }

    fn severity<'a>(&self, scene: &'a Scene, row: u32) -> Option<&'a str> {
        let first = scene.facts(row)?.findings.first()?;
        let finding = scene.snapshot.findings.get(*first as usize)?;
        Some(&finding.severity)
    }
}

/// How often it was taken: exactly where that is measured, else as often as its chains tell.
fn taken(lock: &Lock, facts: &LockFacts) -> u64 {
    lock.held_for.map_or(facts.requests, |held| held.count)
}

fn total(durations: Durations) -> u64 {
    durations.total_ns
}

fn longest(durations: Durations) -> u64 {
    durations.max_ns
}

fn took(ns: Option<u64>) -> Cow<'static, str> {
    ns.map_or_else(String::new, phrase::took).into()
}

/// What stays the same of a lock.
pub(in crate::tui) fn key(lock: &Lock) -> u64 {
    key_of((&lock.name, &lock.class))
}
