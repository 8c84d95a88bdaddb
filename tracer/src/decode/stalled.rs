//! Tasks that do not get on: what each holds, and the lock that it waits for.

use tracer_common::wire::{self, Slot, info};

use super::{
    Decoder,
    belief::{self, Belief},
    frame,
    held::in_order,
    mode,
    naming::Seen,
    origin, path,
    record::{self, Tail},
    stack, window, worker,
};
use crate::{
    analysis::event::{Event, Frame, Hold, LockKey, LockKind, LockName, Mode, NamedBy, Stalled},
    names::symbol::Symbols,
};

/// Functions that wait for what no task is known to do, and that only the stack tells: until all references to a network device are gone (`netdev_run_todo()` in
/// net/core/dev.c), until all callbacks of RCU have run and all its readers are done (kernel/rcu/tree.c).
const EVENTS: &[&str] = &[
    "netdev_run_todo",
    "rcu_barrier",
    "synchronize_rcu",
    "synchronize_rcu_expedited",
];

/// What a task waits for by the function that it is in, and where; the outermost, because `netdev_run_todo()` itself calls `rcu_barrier()` now and then.
fn by_stack(now: &[Frame], symbols: &Symbols, events: &mut Vec<Event>) -> Option<Hold> {
    let event = |frame: &Frame| {
        EVENTS
            .iter()
            .position(|name| frame::function(frame, symbols) == Some(name))
    };
    let (place, event) = now
        .iter()
        .enumerate()
        .rev()
        .find_map(|(place, frame)| Some((place, event(frame)?)))?;
    // No address of the kernel's is as small.
    let lock = LockKey(event as u64 + 1);
    let name = EVENTS[event].to_owned();
    let name = LockName {
        class: name.clone(),
        name,
        label: None,
        named_by: Some(NamedBy::Taker),
    };
    events.push(Event::Lock(lock, LockKind::Event, name));
    Some(Hold {
        lock,
        mode: Mode::Exclusive,
        trylock: false,
        stack: now[place..].into(),
    })
}

impl Decoder {
    pub(super) fn stalled(&mut self, stalled: &wire::Stalled, tail: &Tail, symbols: &Symbols, events: &mut Vec<Event>) {
        let (header, situation) = (&stalled.header, &stalled.situation);
        self.task(header, worker(header, &situation.desc, situation.work, symbols), events);
        let now = stack::frames(&self.addresses(tail, header, symbols), symbols);
        let mut slots = in_order(&tail.held);
        let pending = slots
            .split_last()
            .is_some_and(|(newest, held)| self.is_pending(newest, held, header.task, &now, symbols));
        let pending = slots.pop_if(|_| pending);
        let held = self.held(&slots, &now, header, situation, symbols, events).holds;
        let waits = match pending {
            Some(slot) => Some(self.hold(&slot, &now, "", symbols, events)),
            None => self
                .waits_for(stalled, &now, symbols, events)
                .or_else(|| by_stack(&now, symbols, events)),
        };
        let owner = pending.and_then(|slot| belief::owner(slot.info, &slot.proof, &self.offsets));
        events.push(Event::Stalled(Box::new(Stalled {
            task: record::task(header),
            held,
            waits,
            owner: owner.and_then(|address| self.at.get(&address).copied()),
            since_ns: stalled.since_ns.saturating_sub(self.start_ns),
            stack: now.as_slice().into(),
            window: window(situation.window),
            origin: origin::of(situation, &now, symbols),
        })));
    }

    /// What a task waits for that is no lock.
    fn waits_for(
        &mut self,
        stalled: &wire::Stalled,
        now: &[Frame],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> Option<Hold> {
        if stalled.object == 0 {
            return None;
        }
        let place = self.places.get(&stalled.chain);
        // It may have gone on without that being seen: it waits as long as it is in the call that began to.
        let caller = place.and_then(|place| place.stack.get(1));
        if caller.is_some_and(|caller| !now.contains(caller)) {
            return None;
        }
        let stack = place.map_or_else(|| now.into(), |place| place.stack.clone());
        let name = record::text(&stalled.name);
        let object = self.key_of(stalled.object, stalled.info);
        let seen = Seen {
            lock: object,
            info: stalled.info,
            init_name: 0,
            device: &name,
            stack: &stack,
            site: None,
        };
        self.naming.name(&seen, &mut self.kernel, symbols, events);
        Some(Hold {
            lock: LockKey(object),
            mode: mode(stalled.info),
            trylock: false,
            stack,
        })
    }

    /// Whether the lock that a task requested last is the one that it waits for. The stack of a task that sleeps lacks the functions of the scheduler, and
    /// with them most of those that take locks (`in_sched_functions()` in kernel/sched/core.c, `stack_trace_consume_entry_nosched()` in kernel/stacktrace.c): it begins
    /// right where such a function was called. A lock that says that this task has it is not waited for, unless it was taken before.
    fn is_pending(&self, newest: &Slot, held: &[Slot], task: u64, now: &[Frame], symbols: &Symbols) -> bool {
        let is_again = held.iter().any(|slot| slot.lock == newest.lock);
        let is_had = belief::of(newest.info, &newest.proof, task, &self.offsets) == Belief::Confirmed;
        if is_had && !is_again || newest.info & info::TRYLOCK != 0 {
            return false;
        }
        let place = self.places.get(&newest.chain);
        let requested_from = place.and_then(|place| place.stack.get(1));
        requested_from.is_some_and(|from| path::caller_of_lock_function(now, symbols) == Some(from))
    }
}
