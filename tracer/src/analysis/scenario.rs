//! The schedule that deadlocks: one column per task, and every lock of the cycle in it.

use super::event::LockKind;
use super::held::Taken;
use super::level::Nodes;
use super::lock::LockId;
use super::snapshot::{ScenarioStep, Side};
use super::verdict::Pick;
use super::view::View;

/// What each side does: the guards it holds, then everything from the lock it starts from up to the one it waits for.
pub(crate) fn of(view: &View<'_>, nodes: &Nodes<'_>, sides: &[Pick<'_>], guards: &[LockId]) -> Vec<Side> {
    sides.iter().map(|pick| side(view, nodes, pick, guards)).collect()
}

fn side(view: &View<'_>, nodes: &Nodes<'_>, pick: &Pick<'_>, guards: &[LockId]) -> Side {
    let (task, pid) = view.task(pick.evidence.task);
    let held = pick.situation.held.iter().enumerate();
    let shown = held.filter(|(position, taken)| *position >= pick.from() || guards.contains(&taken.lock));
    let mut steps: Vec<_> = shown.map(|(_, taken)| step(view, nodes, taken, "held")).collect();
    steps.push(step(view, nodes, &pick.situation.request, "waits"));
    Side {
        task,
        pid,
        origin: view.origin(pick.evidence),
        steps,
        dependency: number(pick.dependency),
        evidence: u32::try_from(pick.index).unwrap_or(u32::MAX),
    }
}

fn step(view: &View<'_>, nodes: &Nodes<'_>, taken: &Taken, state: &str) -> ScenarioStep {
    let kind = view
        .model
        .locks
        .get(taken.lock)
        .map_or(LockKind::Unknown, |lock| lock.kind);
    let op = match (kind, state) {
        (LockKind::Work | LockKind::Queue | LockKind::Thread, "held") => "run",
        (LockKind::Completion, "held") => "complete",
        (LockKind::Srcu, "held") => "srcu_read_lock",
        (LockKind::Kernfs, "held") => "use",
        (LockKind::Work | LockKind::Queue, _) => "flush",
        (LockKind::Srcu, _) => "synchronize_srcu",
        (LockKind::Kernfs, _) => "drain",
        (LockKind::Thread, _) => "join",
        (LockKind::Completion | LockKind::Event, _) => "wait",
        _ if taken.trylock => "trylock",
        _ => "lock",
    };
    ScenarioStep {
        op: op.to_string(),
        lock: nodes.name_of(taken.lock).to_string(),
        mode: taken.mode.into(),
        state: state.to_string(),
    }
}

/// A dependency's number in the document.
pub(crate) fn number(dependency: u32) -> u32 {
    dependency.saturating_add(1)
}
