//! What of the evidence is kept, and what it means when some is not.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{read, trace};
use tracer::analysis::snapshot::Snapshot;

/// More tasks than evidence is kept of.
const TASKS: usize = 70;
const KEPT: usize = 64;

fn many(locks: &str) -> String {
    let tasks: Vec<_> = (0..TASKS).map(|task| format!("T{task}: {locks}")).collect();
    trace(&tasks.join(" / "), "M")
}

fn dropped(snapshot: &Snapshot) -> (Option<&u64>, Option<&u64>) {
    let capture = &snapshot.capture;
    (
        capture.lost.get("evidence_dropped"),
        capture.counters.get("evidence_not_kept"),
    )
}

#[test]
fn evidence_of_what_is_on_no_cycle_is_no_loss() {
    let snapshot = read(&many("A B"));
    let more = (TASKS - KEPT) as u64;
    assert_eq!(dropped(&snapshot), (None, Some(&more)));
    assert!(snapshot.capture.complete && snapshot.findings.is_empty());
}

#[test]
fn evidence_of_what_is_on_a_cycle_is_a_loss() {
    let snapshot = read(&(many("A B") + &trace("S: B A", "M")));
    let more = (TASKS - KEPT) as u64;
    assert_eq!(dropped(&snapshot), (Some(&more), None));
    assert!(!snapshot.capture.complete && snapshot.findings.len() == 1);
}

#[test]
fn only_what_is_on_the_cycle_counts() {
    let snapshot = read(&(many("A B C") + &trace("S: B A", "M")));
    let more = (TASKS - KEPT) as u64;
    // A -> C and B -> C are on none.
    assert_eq!(dropped(&snapshot), (Some(&more), Some(&(2 * more))));
}
