//! Locks taken in orders that close a circle (lockdep's "possible circular locking dependency detected").

use rustc_hash::FxHashSet;

use super::{Limits, circle, of_cycle, timed, writers};
use crate::analysis::concurrency::Apart;
use crate::analysis::context::Classes;
use crate::analysis::cycle;
use crate::analysis::level::{Level, Node, Nodes};
use crate::analysis::rotation;
use crate::analysis::snapshot::Finding;
use crate::analysis::strand::Operation;
use crate::analysis::task::TaskId;
use crate::analysis::verdict::{self, Judgement, Verdict};
use crate::analysis::view::View;

/// All sides hold a lock and request another.
const KIND: &str = "inversion";

/// At least one side waits for something that is no lock.
const WAIT_KIND: &str = "wait-inversion";

/// All cycles of one level. At class level those in which each side requests the very lock that the next one holds are left to the
/// other level.
pub(super) fn find<'a>(view: &'a View<'a>, nodes: &Nodes<'a>, limits: &mut Limits) -> Vec<Finding> {
    let cycles = cycle::find(nodes.parts(), |from, to, path| usable(view, nodes, from, to, path));
    limits.unfinished += cycles.unfinished;
    let mut findings = Vec::new();
    for cycle in cycles.found {
        let Some(judgement) = verdict::cycle(view, nodes, &rotated(nodes, cycle)) else {
            continue;
        };
        limits.cut_short += u64::from(judgement.cut_short);
        let elsewhere =
            nodes.level == Level::Class && view.context.classes != Classes::Alone && judgement.is_of_instances();
        if !elsewhere {
            findings.push(finding(view, nodes, &judgement));
        }
    }
    findings
}

/// Whether some evidence of this dependency holds none of the other nodes of a path.
fn usable(view: &View<'_>, nodes: &Nodes<'_>, from: Node, to: Node, path: &FxHashSet<Node>) -> bool {
    let graph = view.graph();
    let between = nodes.between(from, to);
    let evidence = between.flat_map(|(_, dependency)| &dependency.evidence);
    let mut situations = evidence.filter_map(|evidence| graph.situation(evidence));
    situations.any(|situation| {
        let mut held = situation.held.iter().map(|taken| nodes.of(taken.lock));
        held.all(|node| node == from || !path.contains(&node))
    })
}

/// The same cycle from the node with the smallest name on.
fn rotated(nodes: &Nodes<'_>, mut cycle: Vec<Node>) -> Vec<Node> {
    let names: Vec<_> = cycle.iter().map(|&node| nodes.name(node)).collect();
    let start = rotation::smallest(&names);
    cycle.rotate_left(start);
    cycle
}

fn finding(view: &View<'_>, nodes: &Nodes<'_>, judgement: &Judgement<'_>) -> Finding {
    let waits = judgement
        .sides
        .iter()
        .any(|pick| view.model.locks.is_wait(pick.edge.to));
    let (kind, what) = if waits {
        (WAIT_KIND, "circular wait")
    } else {
        (KIND, "circular locking")
    };
    let title = format!("{what} dependency: {}", circle(nodes, judgement));
    let mut reason = reason(view, nodes, judgement) + &timed(view, &judgement.sides);
    if judgement.level == Level::Class && !judgement.is_of_instances() {
        reason.push_str("; seen on different locks of these classes, not yet on the same");
    }
    of_cycle(view, nodes, kind, judgement, title, reason)
}

fn reason(view: &View<'_>, nodes: &Nodes<'_>, judgement: &Judgement<'_>) -> String {
    match judgement.verdict {
        Verdict::Deadlock | Verdict::Certain | Verdict::Possible => {
            let sides = judgement.sides.len();
            format!("the {sides} sides ran in different tasks, and no lock that two of them hold keeps them apart")
        }
        Verdict::NeedsWriter => {
            let locks = judgement.shared_meets_shared();
            let names: Vec<_> = locks.iter().map(|&lock| nodes.name_of(lock)).collect();
            let (names, writers) = (names.join(" and "), writers(view, &locks));
            format!(
                "one side holds {names} shared and another requests it shared: that blocks only while a writer is queued; {writers}"
            )
        }
        Verdict::Guarded => guarded(view, judgement),
        Verdict::Ordered => {
            let by = match &judgement.apart {
                Some(Apart::Ordered(Some(by))) => ordering(view, *by),
                _ => "what the tasks wait for".to_string(),
            };
            format!("ordered by {by}: one side has always finished before another can get to its request")
        }
        Verdict::SingleTask => {
            let (task, others) = shared_task(view, judgement);
            let sides = if others { "two of the sides" } else { "all sides" };
            format!("{sides} only ever ran in one task, {task}, which cannot be at two places at once")
        }
    }
}

fn guarded(view: &View<'_>, judgement: &Judgement<'_>) -> String {
    let guards: Vec<_> = judgement.guards().into_iter().map(|lock| view.name(lock)).collect();
    let (them, names) = (if guards.len() == 1 { "it" } else { "each of them" }, guards.join(", "));
    if judgement.apart.is_some() {
        return format!(
            "guarded by {names}: whatever the order of the steps, {them} keeps the sides apart; a task that waits for one of them holds it"
        );
    }
    format!("guarded by {names}: two sides hold {them}, at least one exclusively, so they never run at once")
}

/// What orders two sides.
fn ordering(view: &View<'_>, by: Operation) -> String {
    let task = |task: TaskId| view.task(view.model.tasks.present(task)).0;
    match by {
        Operation::Fork(child) => format!("the start of {}", task(child)),
        Operation::Join(child) => format!("the wait for the end of {}", task(child)),
        Operation::Queue(work) => format!("the queueing of {}", view.any_name(work)),
        Operation::Flush(work) => format!("the flush of {}", view.any_name(work)),
        Operation::Wait(completion) => format!("the wait for {}", view.any_name(completion)),
        Operation::Begin(work) | Operation::End(work) => {
            format!("{}, which never runs twice at once", view.any_name(work))
        }
        Operation::Wake(_) | Operation::Acquire(..) | Operation::Release(..) | Operation::Downgrade(_) => {
            "what the tasks wait for".to_string()
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
