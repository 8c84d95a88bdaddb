//! Who waits at the end and for whom, who waited long, and where most time went on waiting.

use std::cmp::Reverse;

use super::Options;
use super::evidence::trace;
use super::summary::section;
use crate::analysis::snapshot::{Contention, Snapshot, Wait};
use crate::report::phrase::{self, held, lock_name, task, time};
use crate::report::wrap::wrap;

/// Waits that are over and are shown.
const LONGEST: usize = 5;

/// Places of contention that are shown.
const PLACES: usize = 10;

/// What stands below a wait.
const INDENT: &str = "      ";

/// All of that.
pub(super) fn render(out: &mut String, snapshot: &Snapshot, options: Options) {
    if !snapshot.waits.is_empty() {
        out.push_str(&format!("\n{}\n", options.style.heading("Waiting at the end")));
    }
    for waiting in &snapshot.waits {
        out.push_str(&wrap("  ", INDENT, &wait(snapshot, waiting)));
        // What a deadlock is made of stands there.
        if waiting.finding.is_none() {
            stacks(out, snapshot, waiting);
        }
    }
    over(out, snapshot, options);
    let places: Vec<_> = snapshot
        .contention
        .iter()
        .map(|place| contention(snapshot, place))
        .collect();
    let shown = places.get(..PLACES).unwrap_or(&places);
    section(out, options, "Contention", shown);
    more(out, places.len() - shown.len(), "places");
}

/// The longest of those that are over.
fn over(out: &mut String, snapshot: &Snapshot, options: Options) {
    if snapshot.waited.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", options.style.heading("Waits that are over")));
    let took = |wait: &Wait| wait.took_ns(wait.since_ns);
    let mut waited: Vec<_> = snapshot.waited.iter().collect();
    waited.sort_by_key(|wait| Reverse(took(wait)));
    for wait in waited.iter().take(LONGEST) {
        let line = format!(
            "{} waited {} for {} ({}) since {}, held by {}",
            task(&wait.task, wait.pid),
            phrase::took(took(wait)),
            lock_name(snapshot, wait.lock),
            wait.mode,
            time(wait.since_ns),
            wait.held_by()
        );
        out.push_str(&wrap("  ", INDENT, &line));
        stacks(out, snapshot, wait);
    }
    more(out, waited.len().saturating_sub(LONGEST), "waits");
}

fn more(out: &mut String, count: usize, what: &str) {
    if count > 0 {
        out.push_str(&format!("  and {count} more {what}; JSON has them\n"));
    }
}

fn wait(snapshot: &Snapshot, waiting: &Wait) -> String {
    let who = task(&waiting.task, waiting.pid);
    let what = lock_name(snapshot, waiting.lock);
    let deadlock = match (waiting.finding, waiting.in_circle) {
        (Some(finding), true) => format!(": deadlock #{finding}"),
        (Some(finding), false) => format!(": stuck behind deadlock #{finding}"),
        (None, _) => String::new(),
    };
    let since = if snapshot.capture.duration_ns.is_some() {
        format!(" since {}", time(waiting.since_ns))
    } else {
        String::new()
    };
    format!(
        "{who} waits for {what} ({}){}{since}, held by {}{deadlock}",
        waiting.mode,
        waiting.at(),
        waiting.held_by()
    )
}

/// Where it waits, and where those are that it waits for.
fn stacks(out: &mut String, snapshot: &Snapshot, waiting: &Wait) {
    out.push_str(&trace(snapshot, INDENT, "it waits at:", &waiting.stack));
    for holder in &waiting.holders {
        let locks = held(snapshot, &holder.held).join(", ");
        let who = format!("{}, holding {locks}, is at:", task(&holder.task, holder.pid));
        out.push_str(&trace(snapshot, INDENT, &who, &holder.stack));
    }
}

fn contention(snapshot: &Snapshot, place: &Contention) -> String {
    format!(
        "{} ({}): {}: {}",
        lock_name(snapshot, place.lock),
        place.mode,
        phrase::durations(&place.waited),
        phrase::place(&place.stack)
    )
}
