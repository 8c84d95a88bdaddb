//! Cycles and violations, live deadlocks on top.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Column, List, Width, descending, key_of, seconds};
use crate::analysis::snapshot::Finding;
use crate::tui::scene::Scene;

/// The list of findings.
pub(super) struct Findings;

const COLUMNS: &[Column] = &[
    Column::text("severity", Width::Cells(8)),
    Column::text("verdict", Width::Cells(12)),
    Column::text("level", Width::Cells(8)).only_from(100),
    Column::text("locks", Width::Share(1)),
    Column::number("count", 5),
    Column::number("last seen", 11),
];

fn finding(scene: &Scene, row: u32) -> Option<&Finding> {
    scene.snapshot.findings.get(row as usize)
}

/// The most severe first.
pub(super) fn severity_rank(severity: &str) -> u64 {
    let known = ["critical", "error", "warning", "note"];
    known.iter().position(|name| *name == severity).unwrap_or(known.len()) as u64
}

impl List for Findings {
    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn len(&self, scene: &Scene) -> usize {
        scene.snapshot.findings.len()
    }

    fn key(&self, scene: &Scene, row: u32) -> u64 {
        finding(scene, row).map_or(0, |finding| {
            key_of((&finding.fingerprint, &finding.level, &finding.locks))
        })
    }

    fn first_ns(&self, scene: &Scene, row: u32) -> u64 {
        finding(scene, row).map_or(0, |finding| finding.first_ns)
    }

    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str> {
        let Some(finding) = finding(scene, row) else {
            return Vec::new();
        };
        let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
        let mut words = vec![&*finding.severity, verdict, &finding.level, &finding.title];
        words.extend(finding.locks.iter().map(String::as_str));
        words
    }

    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str> {
        let Some(finding) = finding(scene, row) else {
            return Cow::Borrowed("");
        };
        match column {
            0 => finding.severity.to_uppercase().into(),
            1 => finding.verdict.as_deref().unwrap_or(&finding.kind).into(),
            2 => finding.level.as_str().into(),
            3 => scene.circle(finding).into(),
            4 => finding.count.max(1).to_string().into(),
            _ => seconds(scene.last_seen(row)).into(),
        }
    }

    fn compare(&self, scene: &Scene, column: usize, a: u32, b: u32) -> Ordering {
        let (Some(one), Some(other)) = (finding(scene, a), finding(scene, b)) else {
            return Ordering::Equal;
        };
        match column {
            0 => severity_rank(&one.severity).cmp(&severity_rank(&other.severity)),
            1 => one.verdict.cmp(&other.verdict),
            2 => one.level.cmp(&other.level),
            3 => scene.circle(one).cmp(&scene.circle(other)),
            4 => descending(one.count, other.count),
            _ => descending(scene.last_seen(a), scene.last_seen(b)),
        }
    }

    fn rank(&self, scene: &Scene, row: u32) -> u64 {
        let is_hanging = |finding: &Finding| finding.verdict.as_deref() == Some("deadlock");
        let rank = finding(scene, row).map_or(0, |finding| {
            if is_hanging(finding) {
                0
            } else {
                1 + severity_rank(&finding.severity)
            }
        });
        rank << 32 | u64::from(row)
    }

    fn severity<'a>(&self, scene: &'a Scene, row: u32) -> Option<&'a str> {
        finding(scene, row).map(|finding| &*finding.severity)
    }
}
