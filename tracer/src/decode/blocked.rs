//! Tasks that wait where only the owner words of the locks tell who has them (backend `contention`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tracer_common::wire::{self, Blocked, Header, Unblocked, contention, info};

use super::{Decoder, Place, mode, naming::Seen, record, stack};
use crate::{
    analysis::event::{DurationKey, Event, Frame, Hold, LockKey, Mode, Stalled},
    names::symbol::Symbols,
};

/// Who waits, and where those are that they wait for.
#[derive(Default)]
pub(super) struct Waits {
    /// By address of the task that waits.
    waits: BTreeMap<u64, Wait>,
    /// Where tasks are that do not wait, by their addresses, and when they were there.
    at: HashMap<u64, (Arc<[Frame]>, u64)>,
}

struct Wait {
    request: Hold,
    since_ns: u64,
    /// The task that has the lock, by its address; 0 when that is not known.
    owner: u64,
    /// How it has it.
    held: Mode,
}

impl Waits {
    /// What a task has that others wait for.
    fn held(&self, task: u64) -> Vec<Hold> {
        let mut locks = BTreeSet::new();
        let others = self.waits.values().filter(|wait| wait.owner == task);
        let others = others.filter(|wait| locks.insert(wait.request.lock));
        let hold = |wait: &Wait| Hold {
            lock: wait.request.lock,
            mode: wait.held,
            trylock: false,
            stack: Arc::default(),
        };
        others.map(hold).collect()
    }
}

impl Decoder {
    /// A task has waited for some time.
    pub(super) fn blocked(&mut self, blocked: &Blocked, symbols: &Symbols, events: &mut Vec<Event>) {
        let header = Header {
            task: blocked.waiter,
            pid: blocked.ids as u32,
            tgid: (blocked.ids >> 32) as u32,
            comm: blocked.comm,
            ..blocked.header
        };
        self.task(&header, record::comm(&header), events);
        let bits = contention::info(blocked.flags);
        let addresses = self.waits_at(&blocked.stack, blocked.stack_bytes, symbols);
        let place = self.place(&addresses, symbols);
        self.name_waited_for(blocked.lock, bits, &place, symbols, events);
        let owner = blocked.owner & !contention::OWNER_FLAGS;
        let is_reader = contention::is_rwsem(blocked.flags) && blocked.owner & contention::READER != 0;
        let wait = Wait {
            request: Hold {
                lock: LockKey(blocked.lock),
                mode: mode(bits),
                trylock: false,
                stack: place.stack,
            },
            since_ns: blocked.since_ns.saturating_sub(self.start_ns),
            owner,
            held: if is_reader { Mode::Shared } else { Mode::Exclusive },
        };
        self.waits.waits.insert(blocked.waiter, wait);
        self.tell_task(blocked.waiter, events);
        // It may be known who waits for it, by now.
        self.tell_waiting_for(blocked.waiter, events);
        if owner != blocked.waiter {
            self.tell_task(owner, events);
        }
    }

    /// A task has a lock that another waits for.
    pub(super) fn holder(&mut self, holder: &wire::Holder, symbols: &Symbols, events: &mut Vec<Event>) {
        let header = &holder.header;
        self.task(header, record::comm(header), events);
        let addresses = self.waits_at(&holder.stack, holder.stack_bytes, symbols);
        let stack = stack::frames(&addresses, symbols).into();
        let time_ns = self.time(header);
        self.waits.at.insert(header.task, (stack, time_ns));
        self.tell_task(header.task, events);
        self.tell_waiting_for(header.task, events);
    }

    /// A task waits no longer.
    pub(super) fn unblocked(&mut self, unblocked: &Unblocked, time_ns: u64, events: &mut Vec<Event>) {
        let is_it = |wait: &Wait| wait.request.lock == LockKey(unblocked.lock);
        if !self.waits.waits.get(&unblocked.waiter).is_some_and(is_it) {
            return;
        }
        let owner = self.waits.waits.remove(&unblocked.waiter).map(|wait| wait.owner);
        if let Some(&task) = self.at.get(&unblocked.waiter) {
            events.push(Event::Moved(task, time_ns));
            self.tell_task(unblocked.waiter, events);
        }
        let Some(owner) = owner.filter(|&owner| owner != unblocked.waiter) else {
            return;
        };
        if let Some(&task) = self.at.get(&owner)
            && !self.waits.waits.contains_key(&owner)
        {
            events.push(Event::Moved(task, time_ns));
        }
        if self.waits.held(owner).is_empty() {
            self.waits.at.remove(&owner);
        }
        self.tell_task(owner, events);
    }

    /// Tells anew those that wait for a task.
    fn tell_waiting_for(&self, owner: u64, events: &mut Vec<Event>) {
        let waits = self.waits.waits.iter();
        let waiters = waits.filter(|&(&waiter, wait)| wait.owner == owner && waiter != owner);
        waiters.for_each(|(&waiter, _)| self.tell_task(waiter, events));
    }

    /// Tells what is known of a task, when that is known.
    fn tell_task(&self, address: u64, events: &mut Vec<Event>) {
        let Some(&task) = self.at.get(&address) else { return };
        let (wait, held) = (self.waits.waits.get(&address), self.waits.held(address));
        let at = self.waits.at.get(&address);
        if wait.is_none() && (held.is_empty() || at.is_none()) {
            return;
        }
        let (stack, seen_ns) = at.cloned().unwrap_or_default();
        events.push(Event::Stalled(Box::new(Stalled {
            task,
            held,
            waits: wait.map(|wait| wait.request.clone()),
            owner: wait.and_then(|wait| self.at.get(&wait.owner).copied()),
            since_ns: wait.map_or(seen_ns, |wait| wait.since_ns),
            stack: wait.map_or(stack, |wait| Arc::clone(&wait.request.stack)),
            window: None,
            origin: None,
        })));
    }

    /// A lock is waited for at a new place.
    pub(super) fn contended(&mut self, contended: &wire::Contended, symbols: &Symbols, events: &mut Vec<Event>) {
        let header = &contended.header;
        self.task(header, record::comm(header), events);
        let place = self.places.get(&contended.chain).cloned().unwrap_or_else(|| {
            let addresses = self.waits_at(&contended.stack, contended.stack_bytes, symbols);
            self.place(&addresses, symbols)
        });
        if contended.generation != 0 {
            self.renew(contended.lock, contended.generation, events);
        }
        self.name_waited_for(contended.lock, contended.info, &place, symbols, events);
        let request = Hold {
            lock: LockKey(contended.lock),
            mode: mode(contended.info),
            trylock: false,
            stack: place.stack,
        };
        events.push(Event::Contended(DurationKey(contended.key), request));
    }

    /// Names a lock that is waited for.
    fn name_waited_for(&mut self, lock: u64, bits: u64, at: &Place, symbols: &Symbols, events: &mut Vec<Event>) {
        let seen = Seen {
            lock,
            info: bits & info::MASK,
            init_name: 0,
            device: "",
            stack: &at.stack,
            site: at.site.as_ref(),
        };
        self.naming.name(&seen, &mut self.kernel, symbols, events);
    }
}
