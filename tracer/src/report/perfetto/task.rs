//! Tasks: what each held when it requested a lock, what it waits for at the end, and the notifiers that it registered.

use std::collections::BTreeSet;

use super::arrow::{Arrows, Slice};
use super::finding;
use super::moment::{Moment, Moments};
use super::note::Notes;
use super::timeline::{Event, Timeline};
use super::track::Tracks;
use crate::analysis::snapshot::{Finding, Held, Notifier, Snapshot};
use crate::report::phrase::{self, lock_name};

/// What a hold of no length means.
const SEEN: &str = "held at this moment; since when and until when is not known";

/// What a hold of a waiting task means: it does nothing meanwhile, so it releases nothing.
const KEPT: &str = "held all the time from the request to the end of the capture; since when is not known";

/// What is known of a holder by nothing but a wait.
const LAST: &str = "held at the end of the capture; since when is not known";

/// All that is drawn on the tracks of tasks.
pub(super) struct Tasks<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) findings: &'a [&'a Finding],
    pub(super) moments: &'a Moments<'a>,
    pub(super) arrows: &'a Arrows<'a>,
    pub(super) end_ns: u64,
}

impl Tasks<'_> {
    /// Adds them: what is over at once before what lasts to the end, so that slices lie one inside of another.
    pub(super) fn add(&self, tracks: &mut Tracks, timeline: &mut Timeline) {
        let mut waits = Vec::new();
        for (index, moment) in self.moments.all.iter().enumerate() {
            let track = tracks.task(moment.task, moment.pid);
            if moment.wait.is_some() {
                waits.push((index, moment, track));
            } else {
                self.begin(index, moment, track, timeline);
                self.end(index, moment, track, moment.time_ns, timeline);
            }
        }
        for notifier in &self.snapshot.notifiers {
            let track = tracks.task(&notifier.task, notifier.pid);
            timeline.instant(track, notifier.time_ns, self.notifier(notifier));
        }
        for &(index, moment, track) in &waits {
            self.begin(index, moment, track, timeline);
        }
        // What a task that waits holds is all known: these holders are others.
        let waiting: BTreeSet<u64> = waits.iter().map(|&(.., track)| track).collect();
        for (&(task, lock), flows) in &self.arrows.holders {
            let track = tracks.task_named(task, &waiting);
            timeline.moment(
                track,
                self.end_ns,
                Event {
                    category: "hold",
                    name: format!("holds {}", lock_name(self.snapshot, lock)),
                    notes: self.lock(lock).text("hold", LAST),
                    flows: flows.clone(),
                },
            );
        }
        // The last one that began is the first to end.
        for &(index, moment, track) in waits.iter().rev() {
            self.end(index, moment, track, self.end_ns, timeline);
        }
    }

    /// The held stack in order of acquisition, each lock inside of the one before, and the request in all of them.
    fn begin(&self, index: usize, moment: &Moment<'_>, track: u64, timeline: &mut Timeline) {
        let names = phrase::held(self.snapshot, moment.held);
        for (place, (held, name)) in moment.held.iter().zip(names).enumerate() {
            let event = Event {
                category: "hold",
                name,
                notes: self.hold(moment, held),
                flows: self.arrows.begin(index, Slice::Held(place)),
            };
            timeline.begin(track, moment.time_ns, event);
        }
        let (category, verb) = match moment.wait {
            Some(_) => ("wait", "waits for"),
            None => ("request", "requests"),
        };
        let event = Event {
            category,
            name: format!("{verb} {} ({})", lock_name(self.snapshot, moment.lock), moment.mode),
            notes: self.request(moment),
            flows: self.arrows.begin(index, Slice::Request),
        };
        timeline.begin(track, moment.time_ns, event);
    }

    fn end(&self, index: usize, moment: &Moment<'_>, track: u64, time_ns: u64, timeline: &mut Timeline) {
        timeline.end(track, time_ns, self.arrows.end(index, Slice::Request));
        for place in (0..moment.held.len()).rev() {
            timeline.end(track, time_ns, self.arrows.end(index, Slice::Held(place)));
        }
    }

    fn hold(&self, moment: &Moment<'_>, held: &Held) -> Notes {
        let mut notes = self.lock(held.lock).text("mode", held.mode.name());
        if held.trylock {
            notes = notes.flag("trylock", true);
        }
        notes = notes.text("hold", if moment.wait.is_some() { KEPT } else { SEEN });
        let Some((dependency, evidence)) = moment.dependency(held) else {
            return notes;
        };
        let of = self
            .findings
            .iter()
            .filter(|of| of.dependencies.contains(&dependency.id));
        notes
            .list("acquired_at", &evidence.from_stack)
            .count("dependency", dependency.id)
            .count("dependency_count", dependency.count)
            .count("dependency_tasks", dependency.tasks)
            .list("findings", of.map(|of| finding::name(of)))
    }

    fn request(&self, moment: &Moment<'_>) -> Notes {
        let notes = self
            .lock(moment.lock)
            .text("mode", moment.mode.name())
            .text("task", &phrase::task(moment.task, moment.pid))
            .maybe_text("origin", moment.origin)
            .list("requested_at", moment.stack);
        let Some(wait) = moment.wait else {
            return notes;
        };
        notes
            .text("wait", "not granted at the end of the capture")
            .list("held_by", &wait.on)
            .flag("in_circle", wait.in_circle)
            .maybe_text("deadlock", wait.finding.map(|id| format!("#{id}")).as_deref())
    }

    fn lock(&self, id: u32) -> Notes {
        let Some(lock) = phrase::lock(self.snapshot, id) else {
            return Notes::new();
        };
        Notes::new()
            .text("lock", &lock.name)
            .text("class", &lock.class)
            .text("kind", &lock.kind)
            .maybe_text("label", lock.label.as_deref())
            .maybe_text("address", lock.address.as_deref())
    }

    fn notifier(&self, notifier: &Notifier) -> Event {
        Event {
            category: "notifier",
            name: format!("{} {}", notifier.function, notifier.callback),
            notes: Notes::new()
                .maybe_text("chain", notifier.chain.as_deref())
                .text("callback", &notifier.callback)
                .text("task", &phrase::task(&notifier.task, notifier.pid))
                .list("held", phrase::held(self.snapshot, &notifier.held))
                .list("stack", &notifier.stack),
            flows: Vec::new(),
        }
    }
}
