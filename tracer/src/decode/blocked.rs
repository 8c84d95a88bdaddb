//! Tasks that wait for each other in a circle, as the `contention` backend tells them: steps for the model, which finds the deadlock.

use std::collections::HashMap;

use tracer_common::wire::{Blocked, Unblocked, contention};

use crate::analysis::event::{Event, Frame, LockKey, Mode, Op, StackKey, Step, TaskKey};

/// Circles on their way in.
#[derive(Default)]
pub(super) struct Circles {
    /// The tasks of one so far.
    parts: Vec<(Blocked, Vec<Frame>)>,
    /// Who was said to hold a lock that somebody waits for, and how.
    holds: HashMap<(u64, u64), (TaskKey, Mode)>,
    stacks: u64,
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
        let step = |task: u64, op, stack| {
            Event::Step(Step {
                task: TaskKey(task),
                op,
                stack,
                time_ns,
            })
        };
        for (part, _) in &self.parts {
            let is_shared = contention::is_rwsem(part.flags) && part.owner & contention::READER != 0;
            let (holder, mode) = (part.owner & !contention::OWNER_FLAGS, mode(is_shared));
            self.holds.insert((part.waiter, part.lock), (TaskKey(holder), mode));
            events.push(step(holder, Op::Acquire(LockKey(part.lock), mode), StackKey::default()));
        }
        for (part, stack) in self.parts.drain(..) {
            self.stacks += 1;
            events.push(Event::Stack(StackKey(self.stacks), stack));
            let request = Op::Request(LockKey(part.lock), mode(contention::is_shared(part.flags)));
            events.push(step(part.waiter, request, StackKey(self.stacks)));
        }
    }

    /// One of them waits no longer: neither it nor who held its lock is known to hold anything.
    pub(super) fn unblocked(&mut self, unblocked: &Unblocked, time_ns: u64, events: &mut Vec<Event>) {
        let lock = LockKey(unblocked.lock);
        let mut tell = |task, op| {
            events.push(Event::Step(Step {
                task,
                op,
                stack: StackKey::default(),
                time_ns,
            }));
        };
        if let Some((holder, mode)) = self.holds.remove(&(unblocked.waiter, unblocked.lock)) {
            tell(TaskKey(unblocked.waiter), Op::Fail(lock));
            tell(holder, Op::Release(lock, mode));
        }
    }
}

fn mode(is_shared: bool) -> Mode {
    if is_shared { Mode::Shared } else { Mode::Exclusive }
}
