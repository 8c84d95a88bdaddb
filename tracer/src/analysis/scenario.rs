//! The schedule that deadlocks: one column per task, and every lock of the cycle in it.

use super::held::Taken;
use super::lock::LockId;
use super::snapshot::{ScenarioStep, Side};
use super::verdict::Pick;
use super::view::{View, mode};

/// What each side does: the guards it holds, then everything from the lock it starts from up to the one it waits for.
pub(crate) fn of(view: &View<'_>, sides: &[Pick<'_>], guards: &[LockId]) -> Vec<Side> {
    sides.iter().map(|pick| side(view, pick, guards)).collect()
}

fn side(view: &View<'_>, pick: &Pick<'_>, guards: &[LockId]) -> Side {
    let (task, pid) = view.task(pick.evidence.task);
    let held = pick.situation.held.iter().enumerate();
    let shown = held.filter(|(position, taken)| *position >= pick.evidence.from || guards.contains(&taken.lock));
    let mut steps: Vec<_> = shown.map(|(_, taken)| step(view, taken, "held")).collect();
    steps.push(step(view, &pick.situation.request, "waits"));
    Side {
        task,
        pid,
        origin: view.origin(pick.evidence),
        steps,
        dependency: number(pick.dependency),
        evidence: u32::try_from(pick.index).unwrap_or(u32::MAX),
    }
}

fn step(view: &View<'_>, taken: &Taken, state: &str) -> ScenarioStep {
    ScenarioStep {
        op: if taken.trylock { "trylock" } else { "lock" }.to_string(),
        lock: view.name(taken.lock).to_string(),
        mode: mode(taken.mode).to_string(),
        state: state.to_string(),
    }
}

/// A dependency's number in the document.
pub(crate) fn number(dependency: usize) -> u32 {
    u32::try_from(dependency).unwrap_or(u32::MAX).saturating_add(1)
}
