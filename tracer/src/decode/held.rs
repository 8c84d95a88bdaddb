//! The held locks of a record: which of them are believed, and which locks they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracer_common::wire::{Header, Situation, Slot, info};

use super::{
    Decoder,
    belief::{self, Belief},
    frame, mode,
    naming::Seen,
    path, record,
};
use crate::{
    analysis::event::{ChainKey, Event, Frame, Hold, LockKey},
    names::symbol::Symbols,
};

/// How often a chain is told again that had a hold which was not believed.
const MAX_ASKED: u32 = 3;

/// How many releases were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// So far.
    pub releases: u64,
    /// No stand-in is about to make up for one: none was skipped for some time.
    #[serde(default = "settled")]
    pub is_settled: bool,
    /// Epochs that had begun before.
    pub epochs: u64,
}

/// Without stand-ins it always is.
fn settled() -> bool {
    true
}

/// Slots in order of acquisition.
pub(super) fn in_order(slots: &[Slot]) -> Vec<Slot> {
    let mut slots = slots.to_vec();
    slots.sort_by_key(|slot| slot.info >> info::SEQUENCE_SHIFT);
    slots
}

/// What a queue is called: as the worker says, unless that goes by another name (`set_worker_desc()`); then by what the queue itself says, which is cut short.
fn queue_name(slot: &Slot, situation: &Situation) -> String {
    let (own, worker) = (
        record::text(bytemuck::bytes_of(&slot.proof)),
        record::text(&situation.desc),
    );
    if worker.starts_with(&own) { worker } else { own }
}

/// Held locks in order of acquisition.
pub(super) struct Held {
    pub(super) holds: Vec<Hold>,
    /// Each was believed.
    pub(super) is_whole: bool,
}

impl Decoder {
    /// Takes note of how many releases were missed so far, as counted after the records were read that are decoded next; the number of the epoch that
    /// the program has to be told, when one begins.
    pub fn missed(&mut self, missed: Missed) -> Option<u64> {
        self.epochs.begin_lost(missed.epochs);
        self.epochs.missed(missed.releases, missed.is_settled)
    }

    /// Whether holds are believed when so many releases were missed.
    pub fn believes_with(&self, releases: u64) -> bool {
        self.epochs.would_be_whole(releases)
    }

    /// Epochs that have begun.
    pub fn epochs(&self) -> u64 {
        self.epochs.count()
    }

    /// Chains that should be told once more, because not all that they held was believed.
    pub fn asked(&mut self) -> Vec<ChainKey> {
        std::mem::take(&mut self.asked)
    }

    /// Whether a hold is missing in what was last told of a chain.
    pub(crate) fn is_half_told(&self, chain: ChainKey) -> bool {
        self.half_told.contains(&chain)
    }

    pub(super) fn told_whole(&mut self, chain: ChainKey, is_whole: bool) {
        if is_whole {
            self.half_told.remove(&chain);
        } else {
            self.half_told.insert(chain);
            self.ask_again(chain);
        }
    }

    fn ask_again(&mut self, chain: ChainKey) {
        let told = self.unbelieved.entry(chain).or_default();
        if *told < MAX_ASKED {
            *told += 1;
            self.asked.push(chain);
        }
    }

    /// The locks that the task holds, as far as they are believed; `now` is the stack that it is at.
    pub(super) fn held(
        &mut self,
        slots: &[Slot],
        now: &[Frame],
        header: &Header,
        situation: &Situation,
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Held {
        let slots = in_order(slots);
        let mut holds = Vec::with_capacity(slots.len());
        for slot in &slots {
            if self.is_believed(slot, header.task, situation.work) {
                holds.push(self.hold(slot, now, &queue_name(slot, situation), symbols, events));
            } else {
                *self.counters.entry("holds_not_believed").or_default() += 1;
            }
        }
        Held {
            is_whole: holds.len() == slots.len(),
            holds,
        }
    }

    /// The lock in a slot, and where it was taken; `queue` is what the queue is called that the task works for.
    pub(super) fn hold(
        &mut self,
        slot: &Slot,
        now: &[Frame],
        queue: &str,
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Hold {
        let place = self.places.get(&slot.chain);
        let taken = place.map_or_else(Arc::default, |place| Arc::clone(&place.stack));
        let stack = match path::certain(&taken, now, symbols) {
            certain if certain.len() < taken.len() => certain.into(),
            _ => taken,
        };
        let site = place
            .and_then(|place| place.site.clone())
            .filter(|site| site.frames <= stack.len());
        match slot.info & info::KIND {
            info::WORK => {
                self.meet_work(slot.lock, slot.generation, symbols, events);
                return Hold {
                    lock: LockKey(slot.lock),
                    mode: mode(slot.info),
                    trylock: false,
                    stack: [frame::frame(slot.generation, symbols)].into(),
                };
            }
            info::QUEUE => self.meet_queue(slot.lock, queue, events),
            info::KERNFS => self.meet_again(slot.lock, slot.generation, events),
            _ => self.renew(slot.lock, slot.generation, events),
        }
        let seen = Seen {
            lock: slot.lock,
            info: slot.info,
            init_name: slot.name,
            device: if slot.info & info::KIND == info::QUEUE {
                queue
            } else {
                ""
            },
            stack: &stack,
            site: site.as_ref(),
        };
        self.naming.name(&seen, &mut self.kernel, symbols, events);
        Hold {
            lock: LockKey(slot.lock),
            mode: mode(slot.info),
            trylock: slot.info & info::TRYLOCK != 0,
            stack,
        }
    }

    /// `work` is the function that the task runs as a worker.
    fn is_believed(&mut self, slot: &Slot, task: u64, work: u64) -> bool {
        match slot.info & info::KIND {
            info::WORK => return slot.generation == work,
            info::QUEUE => return work != 0,
            _ => {}
        }
        match belief::of(slot.info, &slot.proof, task, &self.offsets) {
            Belief::Confirmed => true,
            Belief::Plausible => self.epochs.is_whole(slot.info),
            Belief::Unknown if slot.info & info::NO_LOCK != 0 => self.epochs.is_whole(slot.info),
            Belief::Unknown => {
                *self.counters.entry("holds_not_verified").or_default() += 1;
                self.epochs.is_whole(slot.info)
            }
            Belief::Denied => false,
        }
    }

    /// A work item at an address that does something else is another one.
    pub(super) fn meet_work(&mut self, work: u64, function: u64, symbols: &Symbols, events: &mut Vec<Event>) {
        self.meet_again(work, function, events);
        self.naming.work(work, function, symbols, events);
    }

    /// What is at an address is another thing when it goes by another number than before.
    pub(super) fn meet_again(&mut self, object: u64, number: u64, events: &mut Vec<Event>) {
        if self.numbers.insert(object, number).is_some_and(|known| known != number) {
            self.naming.initialised(object, events);
        }
    }

    /// A queue that is called otherwise than the one that was at its address is another one. Only the beginning of a name may be known.
    pub(super) fn meet_queue(&mut self, queue: u64, name: &str, events: &mut Vec<Event>) {
        if let Some(known) = self.queues.get(&queue) {
            if known.starts_with(name) {
                return;
            }
            if !name.starts_with(known.as_str()) {
                self.naming.initialised(queue, events);
            }
        }
        self.queues.insert(queue, name.to_owned());
    }

    /// A completion that is no variable is another one at each place that waits.
    pub(super) fn meet_completion(&mut self, object: u64, stack: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) {
        let Some(caller) = stack.get(1).cloned() else { return };
        if symbols.data(object).is_none()
            && self
                .waited_at
                .insert(object, caller.clone())
                .is_some_and(|known| known != caller)
        {
            self.naming.initialised(object, events);
        }
    }

    /// A lock was taken in a generation: where that shows that initialisations were lost, locks are others than were known.
    pub(super) fn renew(&mut self, lock: u64, generation: u64, events: &mut Vec<Event>) {
        for other in self.generations.taken(lock, generation) {
            self.lost(other, events);
        }
    }

    /// A lock is initialised: another one begins.
    pub(super) fn begins(&mut self, lock: u64, generation: u64, events: &mut Vec<Event>) {
        for other in self.generations.begins(lock, generation) {
            self.lost(other, events);
        }
        self.naming.initialised(lock, events);
    }

    fn lost(&mut self, lock: u64, events: &mut Vec<Event>) {
        *self.counters.entry("initialisations_lost").or_default() += 1;
        self.naming.initialised(lock, events);
    }
}
