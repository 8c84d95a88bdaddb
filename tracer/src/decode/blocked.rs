//! Tasks that wait for each other in a circle, as the `contention` backend tells them: steps for the model, which finds the deadlock.

use std::collections::HashMap;

use tracer_common::wire::{Blocked, Unblocked, contention};

use super::record::task_of;
use crate::analysis::event::{Event, Frame, LockKey, Mode, Op, StackKey, Step, TaskKey};

/// Circles on their way in.
#[derive(Default)]
pub(super) struct Circles {
    /// The tasks of one so far.
    parts: Vec<(Blocked, Vec<Frame>)>,
    /// By address of a waiting task and its lock: who they are, and how the lock was held.
    waits: HashMap<(u64, u64), Wait>,
    stacks: u64,
}

struct Wait {
    waiter: TaskKey,
    holder: TaskKey,
    held: Mode,
}

impl Circles {
    /// Takes in one task of a circle; with the last of them all are told: who holds what, then who waits.
    pub(super) fn blocked(&mut self, blocked: Blocked, stack: Vec<Frame>, time_ns: u64, events: &mut Vec<Event>) {
        if blocked.index == 0 {
            self.parts.clear();
        }
        let of = blocked.of as usize;
        self.parts.push((blocked, stack));
        if self.parts.len() < of {
            return;
        }
        // An owner word has an address; whose that is, the owner's own part tells.
        let tasks: HashMap<u64, TaskKey> = self
            .parts
            .iter()
            .map(|(part, _)| (part.waiter, task_of(part.waiter, part.ids as u32)))
            .collect();
        let task = |address: u64| tasks.get(&address).copied().unwrap_or_else(|| task_of(address, 0));
        for (part, _) in &self.parts {
            let wait = Wait {
                waiter: task(part.waiter),
                holder: task(part.owner & !contention::OWNER_FLAGS),
                held: mode(contention::is_rwsem(part.flags) && part.owner & contention::READER != 0),
            };
            let held = Op::Acquire(LockKey(part.lock), wait.held);
            events.push(step(wait.holder, held, StackKey::default(), time_ns));
            self.waits.insert((part.waiter, part.lock), wait);
        }
        for (part, stack) in self.parts.drain(..) {
            self.stacks += 1;
            events.push(Event::Stack(StackKey(self.stacks), stack));
            let request = Op::Request(LockKey(part.lock), mode(contention::is_shared(part.flags)));
            events.push(step(task(part.waiter), request, StackKey(self.stacks), time_ns));
        }
    }

    /// One of them waits no longer: neither it nor who held its lock is known to hold anything.
    pub(super) fn unblocked(&mut self, unblocked: &Unblocked, time_ns: u64, events: &mut Vec<Event>) {
        if let Some(wait) = self.waits.remove(&(unblocked.waiter, unblocked.lock)) {
            let lock = LockKey(unblocked.lock);
            events.push(step(wait.waiter, Op::Fail(lock), StackKey::default(), time_ns));
            events.push(step(
                wait.holder,
                Op::Release(lock, wait.held),
                StackKey::default(),
                time_ns,
            ));
        }
    }
}

fn step(task: TaskKey, op: Op, stack: StackKey, time_ns: u64) -> Event {
    Event::Step(Step {
        task,
        op,
        stack,
        time_ns,
    })
}

fn mode(is_shared: bool) -> Mode {
    if is_shared { Mode::Shared } else { Mode::Exclusive }
}
