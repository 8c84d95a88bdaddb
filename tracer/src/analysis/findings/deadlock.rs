//! Tasks that wait for each other now, or one for itself (what the kernel's hung-task message says after 120 s).

use super::{circle, of_cycle, timed};
use crate::analysis::level::Nodes;
use crate::analysis::lock::LockId;
use crate::analysis::snapshot::{Finding, Mode};
use crate::analysis::task::TaskId;
use crate::analysis::verdict::{Judgement, Pick, Verdict};
use crate::analysis::view::View;
use crate::analysis::wait_for::WaitFor;

const KIND: &str = "deadlock";

pub(super) fn find(view: &View<'_>, nodes: &Nodes<'_>, wait_for: &WaitFor) -> Vec<Finding> {
    let judged = wait_for.circles.iter().filter_map(|circle| {
        let mut sides = sides(view, &circle.0)?;
        let names: Vec<_> = sides.iter().map(|pick| view.name(pick.edge.from)).collect();
        let start = crate::analysis::rotation::smallest(&names);
        sides.rotate_left(start);
        Some(Judgement {
            level: nodes.level,
            verdict: Verdict::Deadlock,
            sides,
            apart: None,
            cut_short: false,
        })
    });
    judged.map(|judgement| finding(view, nodes, &judgement)).collect()
}

/// What each task of a circle holds that the one before it wants, and what it wants itself.
fn sides<'a>(view: &'a View<'_>, circle: &[TaskId]) -> Option<Vec<Pick<'a>>> {
    let wanted = |task: TaskId| Some(view.model.held.waiting(task)?.request.lock);
    let before = circle.iter().cycle().skip(circle.len().saturating_sub(1));
    let sides = circle.iter().zip(before);
    sides
        .map(|(&task, &before)| side(view, task, wanted(before)?, wanted(task)?))
        .collect()
}

fn side<'a>(view: &'a View<'_>, task: TaskId, from: LockId, to: LockId) -> Option<Pick<'a>> {
    let graph = view.graph();
    let mut picks = graph.between(from, to).flat_map(|(index, dependency)| {
        let evidence = dependency.evidence.iter().enumerate();
        evidence
            .filter(move |(_, evidence)| evidence.task.id == task)
            .filter_map(move |(position, evidence)| {
                Some(Pick {
                    dependency: index,
                    index: position,
                    edge: dependency.edge,
                    evidence,
                    situation: graph.situation(evidence)?,
                })
            })
    });
    let held = view.model.held.of(task);
    let now = |pick: &Pick<'_>| pick.situation.held.iter().filter(|taken| held.contains(taken)).count();
    let first = picks.next()?;
    Some(picks.fold(first, |best, pick| if now(&pick) > now(&best) { pick } else { best }))
}

fn finding(view: &View<'_>, nodes: &Nodes<'_>, judgement: &Judgement<'_>) -> Finding {
    let title = format!("deadlock: {}", circle(nodes, judgement));
    let waits: Vec<_> = judgement
        .sides
        .iter()
        .map(|pick| {
            let (task, _) = view.task(pick.evidence.task);
            let (held, wanted) = (view.name(pick.edge.from), view.name(pick.edge.to));
            let (how, wanted_how) = (Mode::from(pick.edge.from_mode), Mode::from(pick.edge.to_mode));
            if pick.edge.from == pick.edge.to {
                format!("{task} holds {held} {how} and waits for itself to give it back, to have it {wanted_how}")
            } else {
                format!("{task} holds {held} {how} and waits for {wanted} {wanted_how}")
            }
        })
        .collect();
    of_cycle(
        view,
        nodes,
        KIND,
        judgement,
        title,
        format!("it has happened: {}{}", waits.join("; "), timed(view, &judgement.sides)),
    )
}
