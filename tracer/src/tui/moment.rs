//! The history of the graph: which moment of the run is looked at, and what came there.

use super::list::seconds;
use super::message::Moment;
use super::model::Model;
use super::scene::Scene;
use crate::analysis::snapshot::Dependency;

/// Another moment of the run, from where it is looked at now.
pub fn step(from: Option<u64>, scene: &Scene, to: Moment) -> Option<u64> {
    let at = from.unwrap_or(u64::MAX);
    let time = |place: usize| {
        scene
            .came
            .get(place)
            .map(|&row| scene.snapshot.dependencies[row as usize].first_ns)
    };
    match to {
        Moment::Now => None,
        Moment::EarlierEdge => {
            // Those that came at once go at once.
            let shown = scene.came_by(at);
            let newest = shown.checked_sub(1).and_then(time);
            match newest {
                Some(newest) => Some(newest.saturating_sub(1)),
                None => from,
            }
        }
        Moment::LaterEdge => {
            from?;
            time(scene.came_by(at))
        }
        Moment::EarlierReload => {
            let before = scene.turns.partition_point(|&turn| turn < at);
            before.checked_sub(1).map(|place| scene.turns[place]).or(from)
        }
        Moment::LaterReload => {
            from?;
            scene
                .turns
                .get(scene.turns.partition_point(|&turn| turn <= at))
                .copied()
        }
    }
}

/// The newest dependency at a moment.
fn newest(scene: &Scene, at: u64) -> Option<&Dependency> {
    let place = scene.came_by(at).checked_sub(1)?;
    scene.snapshot.dependencies.get(scene.came[place] as usize)
}

/// What came last before the moment that is looked at.
pub fn what(scene: &Scene, at: u64) -> String {
    let Some(dependency) = newest(scene, at) else {
        return "nothing was seen yet".to_owned();
    };
    let by = dependency.evidence.first().map_or_else(String::new, |evidence| {
        let window = evidence
            .window
            .and_then(|window| scene.snapshot.windows.get(window as usize));
        let reload = window.map_or_else(String::new, |window| format!(", {} {}", window.kind, window.handle));
        format!(" by {}{reload}", evidence.task)
    });
    format!(
        "{} -> {}{by}",
        scene.lock_name(dependency.from),
        scene.lock_name(dependency.to)
    )
}

/// What is told when there is nothing to go to.
pub(super) fn notice(model: &Model, scene: &Scene) -> Option<String> {
    let is_empty = scene.came.is_empty() && scene.turns.is_empty();
    let is_now = model
        .moment
        .is_none()
        .then(|| format!("now: all {} dependencies", scene.came.len()));
    if is_empty {
        Some("nothing was seen yet".to_owned())
    } else {
        is_now
    }
}

/// Where on a line of so many cells a moment is.
pub fn place(scene: &Scene, at: u64, cells: usize) -> usize {
    let duration = scene.duration_ns().max(1);
    let cells = cells.saturating_sub(1);
    let place = u128::from(at.min(duration)) * cells as u128 / u128::from(duration);
    usize::try_from(place).unwrap_or(cells)
}

/// The moment in words: `at 1.234 s of 5.678 s: dependency 3 of 120`.
pub fn words(scene: &Scene, at: u64) -> String {
    let count = scene.came_by(at);
    format!(
        "{} of {}: {count} of {} dependencies",
        seconds(at),
        seconds(scene.duration_ns()),
        scene.came.len()
    )
}
