//! What is waited for and is no lock: which object it is, and what has to happen before it is done.

use tracer_common::{
    hash,
    wire::{self, info},
};

use super::{
    Decoder, frame, mode, origin,
    record::{self, Tail},
    stack, window, worker,
};
use crate::{
    analysis::event::{Chain, ChainKey, Event, Frame, Hold, LockKey, Mode},
    names::symbol::Symbols,
};

impl Decoder {
    /// Something is requested: a lock of a generation, or what is waited for. Gives what it goes by: its address, for a thread what the task goes by.
    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    pub(super) fn meet(
        &mut self,
        object: u64,
        bits: u64,
        generation: u64,
        name: &str,
        stack: &[Frame],
        symbols: &Symbols,
        events: &mut Vec<Event>,
    ) -> u64 {
        match bits & info::KIND {
            info::WORK => self.meet_work(object, generation, symbols, events),
            info::QUEUE => self.meet_queue(object, name, events),
            info::KERNFS => self.meet_again(object, generation, events),
            info::COMPLETION => self.meet_completion(object, stack, symbols, events),
            info::THREAD => {
                self.threads.insert(object, record::task_of(object, generation as u32));
            }
            _ => self.renew(object, generation, events),
        }
        self.key_of(object, bits)
    }

    /// What something that was met goes by.
    pub(super) fn key_of(&self, object: u64, bits: u64) -> u64 {
        let thread = || self.threads.get(&object).map(|task| task.0);
        let is_thread = bits & info::KIND == info::THREAD;
        is_thread.then(thread).flatten().unwrap_or(object)
    }

    /// What is waited for is done: whoever did it had to get what it holds, and what it requested since the wait began. Each of these is a dependency from
    /// what was waited for.
    pub(super) fn wake(&mut self, wake: &wire::Wake, tail: &Tail, symbols: &Symbols, events: &mut Vec<Event>) {
        let (header, situation) = (&wake.header, &wake.situation);
        self.task(header, worker(header, &situation.desc, situation.work, symbols), events);
        let addresses = self.addresses(tail, header, symbols);
        let now: Vec<Frame> = stack::frames(&addresses, symbols);
        if is_interrupt(&now, symbols) {
            return;
        }
        // What it runs has not to happen before; it is happening.
        let is_lock = |bits: u64| bits & info::NO_LOCK == 0;
        let locks: Vec<_> = tail.held.iter().filter(|slot| is_lock(slot.info)).copied().collect();
        let mut before = self.held(&locks, &now, header, situation, symbols, events).holds;
        for recent in wake
            .recent
            .iter()
            .filter(|recent| recent.lock != 0 && is_lock(recent.info))
        {
            let lock = LockKey(recent.lock);
            if before.iter().any(|known| known.lock == lock) {
                continue;
            }
            self.renew(recent.lock, recent.generation, events);
            let place = self.places.get(&recent.chain);
            before.push(Hold {
                lock,
                mode: mode(recent.info),
                trylock: recent.info & info::TRYLOCK != 0,
                stack: place.map(|place| place.stack.clone()).unwrap_or_default(),
            });
        }
        let origin = origin::of(situation, &now, symbols);
        let done = Hold {
            lock: LockKey(wake.object),
            mode: Mode::Exclusive,
            trylock: false,
            stack: now.into(),
        };
        for request in before {
            events.push(Event::Chain(Box::new(Chain {
                key: key(wake, request.lock),
                task: record::task(header),
                held: vec![done.clone()],
                request,
                time_ns: self.time(header),
                window: window(situation.window),
                origin: origin.clone(),
            })));
        }
    }
}

/// How the functions begin in which a task is no more about its own business: an interrupt that comes from user space is handled on the task's own stack
/// (`run_sysvec_on_irqstack_cond()` in arch/x86/include/asm/irq_stack.h), and so is what `ksoftirqd` does (kernel/softirq.c).
const INTERRUPTS: &[&str] = &["asm_sysvec_", "asm_common_interrupt", "handle_softirqs", "__do_softirq"];

fn is_interrupt(stack: &[Frame], symbols: &Symbols) -> bool {
    stack.iter().any(|of| frame::is_one_of(of, INTERRUPTS, symbols))
}

/// A key that no chain of the kernel has, but for a chance in 2^64: what is done, by whom, after which lock.
fn key(wake: &wire::Wake, lock: LockKey) -> ChainKey {
    let mix = |hash: u64, value: u64| hash::spread(hash ^ value).rotate_left(29);
    ChainKey(mix(mix(mix(0x77a1_7e5d, wake.object), wake.header.task), lock.0))
}
