//! Reload windows: a track a devlink handle.

use std::collections::BTreeMap;

use super::note::Notes;
use super::timeline::{Event, Timeline};
use super::track::Tracks;
use crate::analysis::snapshot::{Snapshot, Window};
use crate::report::phrase;

/// Adds all windows. Slices of one track lie one inside of another: a window that begins before the last one has ended has a track of
/// its own, which the UI shows as a part of the first.
pub(super) fn add(snapshot: &Snapshot, end_ns: u64, tracks: &mut Tracks, timeline: &mut Timeline) {
    let mut windows: Vec<_> = snapshot.windows.iter().collect();
    windows.sort_by_key(|window| window.start_ns);
    // By handle: its tracks, and until when each of them is in use.
    let mut used: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for window in windows {
        let until = window.end_ns.unwrap_or(end_ns).max(window.start_ns);
        let used = used.entry(&window.handle).or_default();
        let free = used.iter_mut().find(|(_, until)| *until <= window.start_ns);
        let track = match free {
            Some((track, in_use)) => {
                *in_use = until;
                *track
            }
            None => {
                let track = tracks.windows(&window.handle);
                used.push((track, until));
                track
            }
        };
        timeline.begin(track, window.start_ns, event(window));
        timeline.end(track, until, Vec::new());
    }
}

fn event(window: &Window) -> Event {
    let mut notes = Notes::new()
        .text("handle", &window.handle)
        .text("action", &window.action)
        .maybe_text("limit", window.limit.as_deref())
        .maybe_count("netns_from", window.netns_from)
        .maybe_count("netns_to", window.netns_to)
        .text("task", &phrase::task(&window.task, window.pid));
    if let Some(result) = window.result {
        notes = notes.number("result", result);
    }
    if window.end_ns.is_none() {
        notes = notes.text("end", "not ended at the end of the capture");
    }
    Event {
        category: "window",
        name: format!("{} {}", window.kind, window.action),
        notes,
        flows: Vec::new(),
    }
}
