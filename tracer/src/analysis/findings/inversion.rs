//! Locks taken in orders that close a circle (lockdep's "possible circular locking dependency detected").

use std::collections::HashSet;

use super::{Limits, of_cycle, writers};
use crate::analysis::cycle;
use crate::analysis::lock::LockId;
use crate::analysis::rotation;
use crate::analysis::snapshot::Finding;
use crate::analysis::verdict::{self, Judgement, Verdict};
use crate::analysis::view::View;

const KIND: &str = "inversion";

pub(super) fn find(view: &View<'_>, limits: &mut Limits) -> Vec<Finding> {
    let model = view.model;
    let graph = model
        .graph
        .locks(|from, to| from == to || model.locks.back_off(from, to));
    let cycles = cycle::find(&graph, |from, to, path| usable(view, from, to, path));
    limits.unfinished += cycles.unfinished;
    let mut findings = Vec::new();
    for locks in cycles.found {
        let Some(mut judgement) = verdict::cycle(view, &rotated(view, locks)) else {
            continue;
        };
        limits.cut_short += u64::from(judgement.cut_short);
        findings.push(finding(view, &mut judgement));
    }
    findings
}

/// Whether some evidence of this dependency holds none of the other locks of a path.
fn usable(view: &View<'_>, from: LockId, to: LockId, path: &HashSet<LockId>) -> bool {
    let graph = &view.model.graph;
    let evidence = graph.between(from, to).flat_map(|(_, between)| &between.evidence);
    let mut situations = evidence.filter_map(|evidence| graph.situation(evidence));
    situations.any(|situation| {
        !situation
            .held
            .iter()
            .any(|taken| taken.lock != from && path.contains(&taken.lock))
    })
}

/// The same cycle from the lock with the smallest name on.
fn rotated(view: &View<'_>, mut locks: Vec<LockId>) -> Vec<LockId> {
    let names: Vec<_> = locks.iter().map(|&lock| view.name(lock)).collect();
    let start = rotation::smallest(&names);
    locks.rotate_left(start);
    locks
}

fn finding(view: &View<'_>, judgement: &mut Judgement<'_>) -> Finding {
    let mut around: Vec<_> = judgement.sides.iter().map(|pick| view.name(pick.edge.from)).collect();
    around.extend(around.first().copied());
    let title = format!("circular locking dependency: {}", around.join(" -> "));
    let reason = reason(view, judgement);
    of_cycle(view, KIND, judgement, title, reason)
}

fn reason(view: &View<'_>, judgement: &Judgement<'_>) -> String {
    match judgement.verdict {
        Verdict::Certain | Verdict::Possible => {
            let sides = judgement.sides.len();
            format!("the {sides} sides ran in different tasks, and no lock that two of them hold keeps them apart")
        }
        Verdict::NeedsWriter => {
            let locks = judgement.shared_meets_shared();
            let names: Vec<_> = locks.iter().map(|&lock| view.name(lock)).collect();
            let (names, writers) = (names.join(" and "), writers(view, &locks));
            format!(
                "one side holds {names} shared and another requests it shared: that blocks only while a writer is queued; {writers}"
            )
        }
        Verdict::Guarded => {
            let guards: Vec<_> = judgement.guards().into_iter().map(|lock| view.name(lock)).collect();
            let them = if guards.len() == 1 { "it" } else { "each of them" };
            let guards = guards.join(", ");
            format!("guarded by {guards}: two sides hold {them}, at least one exclusively, so they never run at once")
        }
        Verdict::SingleTask => {
            let (task, others) = shared_task(view, judgement);
            let sides = if others { "two of the sides" } else { "all sides" };
            format!("{sides} only ever ran in one task, {task}, which cannot be at two places at once")
        }
    }
}

/// The task that two sides have in common, and whether there are sides of other tasks.
fn shared_task(view: &View<'_>, judgement: &Judgement<'_>) -> (String, bool) {
    let tasks: Vec<_> = judgement.sides.iter().map(|pick| pick.evidence.task).collect();
    let twice = tasks
        .iter()
        .find(|task| tasks.iter().filter(|other| other.id == task.id).count() > 1);
    let shared = twice.or(tasks.first());
    let name = shared.map(|&task| view.task(task).0).unwrap_or_default();
    (
        name,
        shared.is_some_and(|shared| tasks.iter().any(|task| task.id != shared.id)),
    )
}
