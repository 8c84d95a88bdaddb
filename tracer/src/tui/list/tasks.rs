//! Every task that was seen: what it waits for, and what it held when it requested something.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Column, List, Width, descending, key_of, number, seconds};
use crate::tui::scene::Scene;

/// The list of tasks.
pub(super) struct Tasks;

const COLUMNS: &[Column] = &[
    Column::text("task", Width::Share(3)),
    Column::number("pid", 7),
    Column::text("waits for", Width::Share(2)),
    Column::number("since", 11),
    Column::text("holds", Width::Share(3)).only_from(100),
    Column::number("situations", 10),
];

impl List for Tasks {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self, scene: &Scene) -> usize {
        scene.tasks.len()
    }

    fn key(&self, scene: &Scene, row: u32) -> u64 {
        scene.task(row).map_or(0, |task| key_of((&task.name, task.pid)))
    }

    fn first_ns(&self, scene: &Scene, row: u32) -> u64 {
        scene.task(row).map_or(0, |task| task.first_ns)
    }

    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str> {
        let Some(task) = scene.task(row) else {
            return Vec::new();
        };
        let waits = scene.wait(task).map(|wait| scene.lock_name(wait.lock));
        [Some(&*task.name), waits].into_iter().flatten().collect()
    }

    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str> {
        let Some(task) = scene.task(row) else {
            return Cow::Borrowed("");
        };
        let wait = scene.wait(task);
        match (column, wait) {
            (0, _) => task.name.as_str().into(),
            (1, _) => task.pid.map_or_else(String::new, |pid| pid.to_string()).into(),
            (2, Some(wait)) => scene.lock_name(wait.lock).into(),
            (3, Some(wait)) => seconds(wait.since_ns).into(),
            (4, Some(wait)) => scene.held(&wait.held).join(", ").into(),
            (2..=4, _) => "".into(),
            _ => number(task.situations.len()),
        }
    }

    fn compare(&self, scene: &Scene, column: usize, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (scene.task(a), scene.task(b)) else {
            return Ordering::Equal;
        };
        let (wait, others) = (scene.wait(one), scene.wait(other));
        match column {
            0 => one.name.cmp(&other.name),
            1 => one.pid.cmp(&other.pid),
            2 => descending(
                wait.map(|wait| scene.lock_name(wait.lock)),
                others.map(|wait| scene.lock_name(wait.lock)),
            ),
            3 => descending(wait.map(|wait| wait.since_ns), others.map(|wait| wait.since_ns)),
            4 => descending(wait.map(|wait| wait.held.len()), others.map(|wait| wait.held.len())),
            _ => descending(one.situations.len(), other.situations.len()),
        }
    }

    /// Those that hang come first, then those that wait, then those of findings.
    fn rank(&self, scene: &Scene, row: u32) -> u64 {
        let rank = scene.task(row).map_or(4, |task| match scene.wait(task) {
            Some(wait) if wait.in_circle => 0,
            Some(wait) if wait.finding.is_some() => 1,
            Some(_) => 2,
            None if task.severity.is_some() => 3,
            None => 4,
        });
        rank << 32 | u64::from(row)
    }

    fn severity<'a>(&self, scene: &'a Scene, row: u32) -> Option<&'a str> {
        scene.task(row)?.severity.as_deref()
    }
}
