//! Devlink reloads, and how much each of them brought.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Column, List, Width, descending, key_of, number, seconds};
use crate::analysis::snapshot::Window;
use crate::report::phrase;
use crate::tui::scene::Scene;

/// The list of reloads.
pub(super) struct Reloads;

const COLUMNS: &[Column] = &[
    Column::number("begin", 11),
    Column::text("handle", Width::Share(2)),
    Column::text("action", Width::Cells(13)),
    Column::text("netns", Width::Cells(24)).only_from(100),
    Column::text("took", Width::Cells(15)),
    Column::number("new deps", 8),
    Column::number("notifiers", 9),
    Column::text("task", Width::Share(2)).only_from(100),
];

fn window(scene: &Scene, row: u32) -> Option<&Window> {
    scene.snapshot.windows.get(row as usize)
}

/// How long it took, or how it ended.
fn took(window: &Window) -> String {
    match (window.end_ns, window.result) {
        (Some(end), None | Some(0)) => seconds(end.saturating_sub(window.start_ns)),
        (Some(_), Some(error)) => format!("failed: {error}"),
        (None, _) => "not ended".to_owned(),
    }
}

impl List for Reloads {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self, scene: &Scene) -> usize {
        scene.snapshot.windows.len()
    }

    fn key(&self, scene: &Scene, row: u32) -> u64 {
        window(scene, row).map_or(0, |window| key_of((window.start_ns, &window.handle)))
    }

    fn first_ns(&self, scene: &Scene, row: u32) -> u64 {
        window(scene, row).map_or(0, |window| window.start_ns)
    }

    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str> {
        let window = window(scene, row);
        window.map_or_else(Vec::new, |window| vec![&*window.handle, &window.action, &window.task])
    }

    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str> {
        let (Some(window), Some(brought)) = (window(scene, row), scene.brought.get(row as usize)) else {
            return Cow::Borrowed("");
        };
        match column {
            0 => seconds(window.start_ns).into(),
            1 => window.handle.as_str().into(),
            2 => window.action.as_str().into(),
            3 => phrase::netns(window).unwrap_or_default().into(),
            4 => took(window).into(),
            5 => number(brought.dependencies.len()),
            6 => number(brought.notifiers.len()),
            _ => window.task.as_str().into(),
        }
    }

    fn compare(&self, scene: &Scene, column: usize, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (window(scene, a), window(scene, b)) else {
            return Ordering::Equal;
        };
        let brought = |row: u32| scene.brought.get(row as usize);
        let took = |window: &Window| window.end_ns.map(|end| end.saturating_sub(window.start_ns));
        match column {
            0 => one.start_ns.cmp(&other.start_ns),
            1 => one.handle.cmp(&other.handle),
            2 => one.action.cmp(&other.action),
            3 => (one.netns_from, one.netns_to).cmp(&(other.netns_from, other.netns_to)),
            // What has not ended took longest.
            4 => took(one)
                .is_some()
                .cmp(&took(other).is_some())
                .then(descending(took(one), took(other))),
            5 => descending(
                brought(a).map(|brought| brought.dependencies.len()),
                brought(b).map(|brought| brought.dependencies.len()),
            ),
            6 => descending(
                brought(a).map(|brought| brought.notifiers.len()),
                brought(b).map(|brought| brought.notifiers.len()),
            ),
            _ => one.task.cmp(&other.task),
        }
    }
}
