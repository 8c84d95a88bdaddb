//! A trace for Perfetto's UI (ui.perfetto.dev): a track a task, with what it held when it requested a lock.
//!
//! A report tells moments, not spans: at a request it has the whole held stack, but not since when and until when each lock was held.
//! So a hold is a slice of no length at each moment at which it was seen. Only a task that waits at the end of the capture has slices
//! with a length: what it holds, it holds until then.

mod arrow;
mod finding;
mod moment;
mod note;
pub mod proto;
mod task;
mod timeline;
mod track;
mod window;

use super::{excerpt, phrase};
use crate::analysis::snapshot::Snapshot;
use arrow::Arrows;
use moment::Moments;
use note::Notes;
use timeline::{Event, Timeline};
use track::Tracks;

/// The file, in Perfetto's own binary format.
pub fn render(snapshot: &Snapshot, notes: bool) -> Vec<u8> {
    let findings = excerpt::shown(snapshot, notes);
    let moments = Moments::of(snapshot);
    let arrows = Arrows::of(snapshot, &moments, &findings);
    let end_ns = end_ns(snapshot);
    let mut tracks = Tracks::default();
    let mut timeline = Timeline::default();
    timeline.instant(track::CAPTURE, 0, capture(snapshot));
    for finding in &findings {
        timeline.instant(track::FINDINGS, finding.first_ns, finding::event(finding));
    }
    window::add(snapshot, end_ns, &mut tracks, &mut timeline);
    task::Tasks {
        snapshot,
        findings: &findings,
        moments: &moments,
        arrows: &arrows,
        end_ns,
    }
    .add(&mut tracks, &mut timeline);
    timeline.encode(tracks.descriptors(!findings.is_empty()))
}

/// The end of the capture. A source without a clock counts its events as ns, and ends behind the last one.
fn end_ns(snapshot: &Snapshot) -> u64 {
    let evidence = snapshot.dependencies.iter().flat_map(|dependency| &dependency.evidence);
    let evidence = evidence.map(|evidence| evidence.time_ns);
    let windows = snapshot.windows.iter();
    let windows = windows.map(|window| window.end_ns.unwrap_or(window.start_ns));
    let notifiers = snapshot.notifiers.iter().map(|notifier| notifier.time_ns);
    let waits = snapshot.waits.iter().map(|wait| wait.since_ns);
    let last = evidence.chain(windows).chain(notifiers).chain(waits).max();
    let last = last.unwrap_or_default();
    snapshot
        .capture
        .duration_ns
        .map_or_else(|| last.saturating_add(1), |duration| duration.max(last))
}

/// What is known of the capture, and whether something is missing in it.
fn capture(snapshot: &Snapshot) -> Event {
    let capture = &snapshot.capture;
    let mut notes = Notes::new()
        .text("tool", &format!("{} {}", snapshot.tool.name, snapshot.tool.version))
        .text("kernel", &phrase::kernel(&snapshot.kernel))
        .text("backend", &capture.backend)
        .maybe_text(
            "command",
            capture.command.as_ref().map(|words| words.join(" ")).as_deref(),
        )
        .maybe_text("traced", capture.selection.as_deref())
        .maybe_text("started", capture.started.as_deref())
        .flag("complete", capture.complete);
    if capture.duration_ns.is_none() {
        notes = notes.text("time", "the source has no clock: 1 ns is one event");
    }
    for (counter, &count) in &capture.lost {
        notes = notes.count(&format!("lost_{counter}"), count);
    }
    let (category, name) = if capture.complete {
        ("capture", "capture is complete".to_string())
    } else {
        ("loss", phrase::lost(capture))
    };
    Event {
        category,
        name,
        notes,
        flows: Vec::new(),
    }
}
