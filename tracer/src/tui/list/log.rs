//! What happened to the trace, in the order of time.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Column, List, Width, seconds};
use crate::tui::scene::Scene;

/// The log.
pub(super) struct Log;

const COLUMNS: &[Column] = &[Column::number("time", 11), Column::text("what", Width::Share(1))];

impl List for Log {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self, scene: &Scene) -> usize {
        scene.log.len()
    }

    fn key(&self, _scene: &Scene, row: u32) -> u64 {
        u64::from(row) + 1
    }

    fn first_ns(&self, scene: &Scene, row: u32) -> u64 {
        scene.log.get(row as usize).and_then(|line| line.time_ns).unwrap_or(0)
    }

    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str> {
        scene
            .log
            .get(row as usize)
            .map_or_else(Vec::new, |line| vec![&*line.text])
    }

    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str> {
        match (scene.log.get(row as usize), column) {
            (Some(line), 0) => line.time_ns.map_or_else(String::new, seconds).into(),
            (Some(line), _) => line.text.as_str().into(),
            (None, _) => Cow::Borrowed(""),
        }
    }

    fn compare(&self, _scene: &Scene, _column: usize, a: u32, b: u32) -> Ordering {
        a.cmp(&b)
    }

    fn severity<'a>(&self, scene: &'a Scene, row: u32) -> Option<&'a str> {
        scene.log.get(row as usize).and_then(|line| line.severity.as_deref())
    }
}
