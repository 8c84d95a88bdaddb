//! A splat as events: what each task held when it requested what.
//!
//! Entry #i of a chain, for i of 1 and more, is a task that requested #i while it held #(i-1). lockdep does not tell which task that was. The
//! task that tried requests #0 while it holds the last one, and all that it held is told.

use std::collections::HashMap;

use super::super::lock_objects::LockObjects;
use super::line::{self, Class, LockLine};
use super::parse::Splat;
use super::{mode, path};
use crate::analysis::event::{Chain, ChainKey, Event, Frame, Hold, LockKey, LockKind, Mode, TaskKey, TaskName};
use crate::analysis::model::Model;

/// Tells splats to a model, one after the other.
pub(super) struct Importer<'a> {
    model: &'a mut Model,
    locks: LockObjects,
    tasks: u64,
    chains: u64,
}

/// Which objects of a class a splat tells apart, by their addresses: those of another boot mean nothing here.
#[derive(Default)]
struct Addresses(HashMap<String, Vec<Option<u64>>>);

impl Addresses {
    /// The number of an object within its class.
    fn object(&mut self, class: &str, address: Option<u64>) -> usize {
        let known = self.0.entry(class.to_string()).or_default();
        known.iter().position(|&other| other == address).unwrap_or_else(|| {
            known.push(address);
            known.len() - 1
        })
    }
}

impl<'a> Importer<'a> {
    /// Locks, tasks and chains of the model must be of splats only.
    pub(super) fn new(model: &'a mut Model) -> Self {
        Self {
            model,
            locks: LockObjects::default(),
            tasks: 0,
            chains: 0,
        }
    }

    /// Names the locks, once all splats are told.
    pub(super) fn finish(self) {
        self.locks.tell(self.model);
    }

    /// Tells one splat.
    pub(super) fn tell(&mut self, splat: &Splat) {
        // The chain names the classes of the two locks at its ends; what else is printed of them is about the object.
        let wanted = splat.chain.first().map_or(&splat.wanted.class, |entry| &entry.class);
        let against = splat.chain.last().map_or(&splat.against.class, |entry| &entry.class);
        let mut addresses = Addresses::default();
        addresses.object(&against.name, splat.against.address);
        // The locks of the chain come first: they are the first objects of their classes.
        let object = match (splat.chain.is_empty(), splat.wanted.address) {
            // Whether a lock is the very same one, only its address tells.
            (true, None) => addresses.0.entry(wanted.name.clone()).or_default().len(),
            (_, address) => addresses.object(&wanted.name, address),
        };
        self.chain(splat);
        let task = self.task(worker(splat), Some(splat.task.1));
        let mut held = Vec::with_capacity(splat.held.len());
        for lock in &splat.held {
            let is_against = *lock == splat.against;
            let class = if is_against { &against.name } else { &lock.class.name };
            let key = self.locks.key(class, addresses.object(class, lock.address));
            let mode = held_mode(splat, lock, is_against);
            held.push(hold(key, mode, std::slice::from_ref(&lock.place)));
        }
        let stack = splat.chain.first().map_or(&splat.backtrace, |entry| &entry.stack);
        let mode = match mode::told(stack) {
            Some((mode, _)) => mode,
            None => call_mode(splat.calls.last(), &splat.wanted.class).unwrap_or(default_mode(wanted)),
        };
        let request = self.request(wanted, object, mode, stack);
        self.situation(task, held, request);
    }

    /// The dependencies that were known before: each of a task of its own, except where one path leads through several.
    fn chain(&mut self, splat: &Splat) {
        let chain = &splat.chain;
        let mut first = 1;
        for (number, entry) in chain.iter().enumerate().skip(1) {
            let next = chain.get(number + 1);
            if !next.is_some_and(|next| path::goes_on(&entry.stack, &next.stack)) {
                self.one_path(splat, first, number);
                first = number + 1;
            }
        }
    }

    /// Entries that one task went through, from the first to the last.
    fn one_path(&mut self, splat: &Splat, first: usize, last: usize) {
        let name = if first == last {
            format!("unknown task (chain #{first})")
        } else {
            format!("unknown task (chain #{first} to #{last})")
        };
        let task = self.task(name, None);
        let mut held = Vec::new();
        for (number, entry) in splat.chain.iter().enumerate().take(last + 1).skip(first - 1) {
            if number < first {
                // Where it was taken is not told. How, only a report of tracer tells: lockdep writes `rlock` at the ends of a scenario only.
                let inner = splat.calls.get(1..splat.calls.len().saturating_sub(1));
                let mode = shared_call(inner, &entry.class).unwrap_or(default_mode(&entry.class));
                held.push(hold(self.locks.key(&entry.class.name, 0), mode, &[]));
                continue;
            }
            let mode = mode::told(&entry.stack).map_or(default_mode(&entry.class), |(mode, _)| mode);
            let request = self.request(&entry.class, 0, mode, &entry.stack);
            self.situation(task, held.clone(), request.clone());
            held.push(request);
        }
    }

    fn request(&mut self, class: &Class, object: usize, mode: Mode, stack: &[String]) -> Hold {
        let key = self.locks.key(&class.name, object);
        if let Some((_, kind)) = mode::told(stack).filter(|&(_, kind)| kind != LockKind::Unknown) {
            self.locks.set_kind(&class.name, object, kind);
        }
        hold(key, mode, mode::from_primitive(stack))
    }

    fn task(&mut self, comm: String, pid: Option<u32>) -> TaskKey {
        self.tasks += 1;
        let key = TaskKey(self.tasks);
        self.model.apply(Event::Task(key, TaskName { pid, comm }));
        key
    }

    /// A splat has no clock: the n-th situation is at n ns.
    fn situation(&mut self, task: TaskKey, held: Vec<Hold>, request: Hold) {
        self.chains += 1;
        self.model.apply(Event::Chain(Box::new(Chain {
            key: ChainKey(self.chains),
            task,
            held,
            request,
            time_ns: self.chains,
            window: None,
            origin: None,
        })));
    }
}

fn hold(lock: LockKey, mode: Mode, stack: &[String]) -> Hold {
    Hold {
        lock,
        mode,
        trylock: false,
        stack: stack.iter().map(|frame| Frame::Text(frame.as_str().into())).collect(),
    }
}

/// How a lock of the held stack is held: only of one does the scenario tell.
fn held_mode(splat: &Splat, lock: &LockLine, is_against: bool) -> Mode {
    let call = splat.calls.first().filter(|_| is_against);
    let by_wrapper = || {
        line::function(&lock.place)
            .ends_with("read_lock")
            .then_some(Mode::Shared)
    };
    // What tracer writes has the other locks of this task as well.
    let own = splat.calls.split_last().map(|(_, own)| own);
    let own = own.filter(|_| lock.class.name != splat.against.class.name);
    call_mode(call, &lock.class)
        .or_else(|| shared_call(own, &lock.class))
        .or_else(by_wrapper)
        .unwrap_or(default_mode(&lock.class))
}

/// The mode that a call of the scenario tells. `lock` is all that kernels before 6.4 write (`print_circular_lock_scenario()`).
fn call_mode(call: Option<&(String, String)>, class: &Class) -> Option<Mode> {
    let (call, name) = call?;
    match call.as_str() {
        "rlock" if *name == class.name => Some(Mode::Shared),
        "sync" if *name == class.name => Some(Mode::Exclusive),
        _ => None,
    }
}

/// Shared, if the first of these calls for the class says so.
fn shared_call(calls: Option<&[(String, String)]>, class: &Class) -> Option<Mode> {
    let mut calls = calls?.iter();
    let (call, _) = calls.find(|(_, name)| *name == class.name)?;
    (call == "rlock").then_some(Mode::Shared)
}

/// The mode where nothing tells: exclusive, unless nobody ever took it otherwise than shared.
fn default_mode(class: &Class) -> Mode {
    if mode::is_only_read(&class.usage) {
        Mode::Shared
    } else {
        Mode::Exclusive
    }
}

/// The task's name, a worker's with its work as live tracing has it: `kworker/u8:1: netns cleanup_net`.
fn worker(splat: &Splat) -> String {
    let comm = &splat.task.0;
    let Some(work) = &splat.work else {
        return comm.clone();
    };
    // `print_worker_info()`: QUEUE FUNCTION [MODULE] (DESCRIPTION), the last only when it differs from the queue's name.
    let (work, description) = match work.strip_suffix(')').and_then(|work| work.rsplit_once(" (")) {
        Some((work, description)) => (work, Some(description)),
        None => (work.as_str(), None),
    };
    let work = work
        .rsplit_once(" [")
        .filter(|_| work.ends_with(']'))
        .map_or(work, |(work, _)| work);
    match (description, work.rsplit_once(' ')) {
        (Some(description), Some((_, function))) => format!("{comm}: {description} {function}"),
        _ => format!("{comm}: {work}"),
    }
}
