//! What must have happened before: the steps that order strands, followed backwards.

use rustc_hash::FxHashMap;

use super::Side;
use crate::analysis::strand::{Operation, Place, Runner, StrandId, Strands};

/// What gets one side past its place before another can be at its own.
pub(super) fn between(strands: &Strands, sides: &[Side]) -> Option<Operation> {
    sides.iter().find_map(|side| {
        let needs = Needs::of(strands, side.place);
        let past = |other: &Side| needs.past(other.place);
        sides
            .iter()
            .filter(|other| other.place.strand != side.place.strand)
            .find_map(past)
    })
}

/// How far each strand must have got, and what made it so.
struct Needs<'a> {
    strands: &'a Strands,
    reached: FxHashMap<StrandId, (u32, Option<Operation>)>,
    todo: Vec<(StrandId, u32, u32)>,
}

impl<'a> Needs<'a> {
    fn of(strands: &'a Strands, place: Place) -> Self {
        let mut needs = Self {
            strands,
            reached: FxHashMap::default(),
            todo: Vec::new(),
        };
        needs.need(place.strand, place.position, None);
        // To be at its first step, a strand must have been started.
        needs.started(place.strand);
        while let Some((strand, from, to)) = needs.todo.pop() {
            if from == 0 {
                needs.started(strand);
            }
            let ordering = strands.get(strand).map_or(&[][..], |strand| &strand.ordering);
            let first = ordering.partition_point(|&(position, _)| position < from);
            for &(position, operation) in ordering.iter().skip(first).take_while(|&&(position, _)| position < to) {
                needs.passed(strand, position, operation);
            }
        }
        needs
    }

    fn past(&self, place: Place) -> Option<Operation> {
        let &(reached, by) = self.reached.get(&place.strand)?;
        by.filter(|_| reached > place.position)
    }

    fn need(&mut self, strand: StrandId, position: u32, by: Option<Operation>) {
        let reached = self.reached.entry(strand).or_insert((0, by));
        if position > reached.0 {
            self.todo.push((strand, reached.0, position));
            *reached = (position, by);
        }
    }

    fn need_all(&mut self, strand: StrandId, by: Operation) {
        let length = self.strands.get(strand).map_or(0, |strand| strand.length);
        self.need(strand, length, Some(by));
    }

    fn started(&mut self, id: StrandId) {
        let Some(strand) = self.strands.get(id) else {
            return;
        };
        match strand.runner {
            Runner::Task(task) => {
                if let Some(fork) = self.strands.fork_of(task) {
                    self.need(fork.strand, fork.position + 1, Some(Operation::Fork(task)));
                }
            }
            Runner::Work(work) => {
                let Some(known) = self.strands.work(work).filter(|known| !known.reentrant) else {
                    return;
                };
                let Some(run) = known.runs.iter().position(|&run| run == id) else {
                    return;
                };
                if let Some(&before) = run.checked_sub(1).and_then(|before| known.runs.get(before)) {
                    self.need_all(before, Operation::End(work));
                }
                // Each run takes one queueing at least. Who queued it is known when only one strand does.
                if let Some(queued) = known.queued.get(run).filter(|_| is_of_one_strand(&known.queued)) {
                    self.need(queued.strand, queued.position + 1, Some(Operation::Queue(work)));
                }
            }
        }
    }

    fn passed(&mut self, strand: StrandId, position: u32, operation: Operation) {
        match operation {
            Operation::Join(task) => {
                if let Some(joined) = self.strands.of_task(task) {
                    self.need_all(joined, operation);
                }
            }
            Operation::Flush(work) => {
                let Some(known) = self.strands.work(work).filter(|known| !known.reentrant) else {
                    return;
                };
                let own = |place: &Place| place.strand == strand && place.position < position;
                let ended = known.queued.iter().filter(|place| own(place)).count();
                // One run can serve several queueings, and in another order they have runs of their own that the trace does not show.
                let ended = match (
                    known.is_merged(),
                    known.queued.len() == known.runs.len() && is_of_one_strand(&known.queued),
                ) {
                    (true, _) => 0,
                    (false, true) => ended,
                    (false, false) => ended.min(1),
                };
                for &run in known.runs.iter().take(ended) {
                    self.need_all(run, operation);
                }
            }
            Operation::Wait(completion) => {
                let wakes = self
                    .strands
                    .completion(completion)
                    .map_or(&[][..], |known| &known.wakes);
                if let [wake] = wakes {
                    self.need(wake.strand, wake.position + 1, Some(operation));
                }
            }
            _ => {}
        }
    }
}

fn is_of_one_strand(places: &[Place]) -> bool {
    places
        .windows(2)
        .all(|pair| pair.first().map(|place| place.strand) == pair.last().map(|place| place.strand))
}
