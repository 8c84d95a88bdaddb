//! Arrows between slices: from a wait to what its holder holds, and from what one side of a finding requests to what the next one holds.

use std::collections::BTreeMap;

use super::moment::{Moment, Moments};
use super::timeline::Flow;
use crate::analysis::snapshot::{Finding, Snapshot, Wait};
use crate::report::phrase;

/// A slice of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slice {
    /// A lock in the held stack, by its place.
    Held(usize),
    Request,
}

/// Flows by the slices that they are of.
#[derive(Default)]
pub(super) struct Arrows<'a> {
    next: Flow,
    begins: BTreeMap<(usize, Slice), Vec<Flow>>,
    ends: BTreeMap<(usize, Slice), Vec<Flow>>,
    /// By task and lock: holders that nothing but a wait tells of, with the flows of those who wait for them.
    pub(super) holders: BTreeMap<(&'a str, u32), Vec<Flow>>,
}

impl<'a> Arrows<'a> {
    pub(super) fn of(snapshot: &Snapshot, moments: &Moments<'a>, findings: &[&Finding]) -> Self {
        let mut arrows = Self::default();
        let waits: Vec<_> = moments.waits().collect();
        for &(index, wait) in &waits {
            arrows.wait(snapshot, &waits, index, wait);
        }
        for finding in findings {
            arrows.finding(moments, finding);
        }
        arrows
    }

    /// The flows of a slice where it begins.
    pub(super) fn begin(&self, moment: usize, slice: Slice) -> Vec<Flow> {
        self.begins.get(&(moment, slice)).cloned().unwrap_or_default()
    }

    /// The flows of a slice where it ends.
    pub(super) fn end(&self, moment: usize, slice: Slice) -> Vec<Flow> {
        self.ends.get(&(moment, slice)).cloned().unwrap_or_default()
    }

    /// To all whom a task waits for. Those that wait, too, hold until the end of the capture, and there the arrow ends: so it never
    /// leads back in time, which would turn it round.
    fn wait(&mut self, snapshot: &Snapshot, waits: &[(usize, &'a Wait)], index: usize, wait: &'a Wait) {
        let mut on: Vec<&str> = wait.on.iter().map(String::as_str).collect();
        on.sort_unstable();
        on.dedup();
        for task in on {
            let named = waits.iter().filter(|(_, other)| other.task == task);
            let slices = named.filter_map(|&(index, other)| Some((index, kept_by(snapshot, other, wait.lock)?)));
            let slices: Vec<_> = slices.collect();
            for &slice in &slices {
                let flow = self.flow_from((index, Slice::Request));
                self.ends.entry(slice).or_default().push(flow);
            }
            if slices.is_empty() {
                let flow = self.flow_from((index, Slice::Request));
                self.holders.entry((task, wait.lock)).or_default().push(flow);
            }
        }
    }

    /// From what each side requests to what the next one holds. Where that has happened the wait has its arrow.
    fn finding(&mut self, moments: &Moments<'a>, finding: &Finding) {
        let sides = &finding.scenario;
        for (side, next) in sides.iter().zip(sides.iter().cycle().skip(1)) {
            let request = moments.at(side.dependency, side.evidence);
            let hold = moments.at(next.dependency, next.evidence);
            if let (Some((request, asks)), Some((hold, holds))) = (request, hold)
                && let (Some(place), None) = (place(holds, next.dependency), asks.wait)
            {
                let flow = self.flow_from((request, Slice::Request));
                self.begins.entry((hold, Slice::Held(place))).or_default().push(flow);
            }
        }
    }

    fn flow_from(&mut self, from: (usize, Slice)) -> Flow {
        self.next += 1;
        self.begins.entry(from).or_default().push(self.next);
        self.next
    }
}

/// The slice of a waiting task that keeps another from going on. A completion and the end of a thread are held by nobody: who waits
/// itself does not get there.
fn kept_by(snapshot: &Snapshot, wait: &Wait, lock: u32) -> Option<Slice> {
    let is_owed = || {
        let what = phrase::lock(snapshot, lock);
        what.is_some_and(|what| matches!(what.kind.as_str(), "completion" | "thread"))
    };
    let place = wait.held.iter().rposition(|held| held.lock == lock);
    place.map(Slice::Held).or_else(|| is_owed().then_some(Slice::Request))
}

/// Where in the held stack the held lock of a dependency is.
fn place(moment: &Moment<'_>, dependency: u32) -> Option<usize> {
    let is_of = |held| {
        let of = moment.dependency(held);
        of.is_some_and(|(of, _)| of.id == dependency)
    };
    moment.held.iter().rposition(is_of)
}
