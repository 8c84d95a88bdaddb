//! A finished report turned back into the events that it was made of, as far as it tells: to judge it in another way.
//!
//! A report has the evidence of every dependency; where a held lock was taken stands with the dependency that starts from it. What it
//! does not have is the order of the steps, so verdicts that rest on it (`ordered`) are then `possible`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::context::{Addresses, Context};
use crate::analysis::event::{
    Chain, ChainKey, Event, Frame, Hold, LockKey, LockKind, LockName, Mode, TaskKey, TaskName, WindowBegin, WindowKey,
};
use crate::analysis::model::Model;
use crate::analysis::snapshot::BESIDE_WINDOW;
use crate::analysis::snapshot::{self, Dependency, Evidence, Held, Lock, Snapshot, Window};

/// What makes two pieces of evidence one chain: who, what was held, what was requested and where.
type Same<'a> = (
    &'a str,
    Option<u32>,
    Vec<(u32, snapshot::Mode, bool)>,
    u32,
    snapshot::Mode,
    &'a [Arc<str>],
    Option<u32>,
);

pub(super) fn events(snapshot: &Snapshot) -> (Model, Context) {
    let mut model = Model::new();
    for lock in &snapshot.locks {
        model.apply(named(lock));
    }
    let mut tasks = Tasks::default();
    for (key, window) in (0u64..).zip(&snapshot.windows) {
        let task = tasks.key(&window.task, window.pid, &mut model);
        model.apply(begin(WindowKey(key), task, window));
        if let (Some(result), Some(end)) = (window.result, window.end_ns) {
            model.apply(Event::WindowEnd(WindowKey(key), result, end));
        }
    }
    let mut chains: BTreeMap<Same<'_>, Chain> = BTreeMap::new();
    for dependency in &snapshot.dependencies {
        for evidence in &dependency.evidence {
            let next = chains.len() as u64;
            let chain = chains
                .entry(same(dependency, evidence))
                .or_insert_with(|| chain(ChainKey(next), dependency, evidence));
            let from = LockKey(u64::from(dependency.from));
            let holds = chain.held.iter_mut().filter(|hold| hold.lock == from);
            holds.for_each(|hold| hold.stack = frames(&evidence.from_stack));
        }
    }
    for ((task, pid, ..), mut chain) in chains {
        chain.task = tasks.key(task, pid, &mut model);
        model.apply(Event::Chain(Box::new(chain)));
    }
    let mut capture = snapshot.capture.clone();
    capture.counters.clear();
    let has_addresses = snapshot.locks.iter().any(|lock| lock.address.is_some());
    let context = Context {
        kernel: snapshot.kernel.clone(),
        capture,
        addresses: if has_addresses {
            Addresses::Pseudonym
        } else {
            Addresses::Absent
        },
        ..Context::default()
    };
    (model, context)
}

#[derive(Default)]
struct Tasks(BTreeMap<(String, Option<u32>), TaskKey>);

impl Tasks {
    fn key(&mut self, name: &str, pid: Option<u32>, model: &mut Model) -> TaskKey {
        let next = TaskKey(self.0.len() as u64 + 1);
        let key = *self.0.entry((name.to_string(), pid)).or_insert(next);
        if key == next {
            let comm = name.to_string();
            model.apply(Event::Task(key, TaskName { pid, comm }));
        }
        key
    }
}

fn named(lock: &Lock) -> Event {
    let kind = match lock.kind.as_str() {
        "mutex" => LockKind::Mutex,
        "rwsem" => LockKind::Rwsem,
        "ww_mutex" => LockKind::WwMutex,
        "percpu_rwsem" => LockKind::PercpuRwsem,
        "semaphore" => LockKind::Semaphore,
        "rt_mutex" => LockKind::RtMutex,
        "work" => LockKind::Work,
        "workqueue" => LockKind::Queue,
        "srcu" => LockKind::Srcu,
        "kernfs" => LockKind::Kernfs,
        "completion" => LockKind::Completion,
        "event" => LockKind::Event,
        "thread" => LockKind::Thread,
        _ => LockKind::Unknown,
    };
    let name = LockName {
        class: lock.class.clone(),
        name: lock.name.clone(),
        label: lock.label.clone(),
        named_by: lock.named_by,
    };
    Event::Lock(LockKey(u64::from(lock.id)), kind, name)
}

fn begin(key: WindowKey, task: TaskKey, window: &Window) -> Event {
    Event::WindowBegin(Box::new(WindowBegin {
        key,
        task,
        handle: window.handle.clone(),
        action: window.action.clone(),
        limit: window.limit.clone(),
        netns_from: window.netns_from,
        netns_to: window.netns_to,
        time_ns: window.start_ns,
    }))
}

fn same<'a>(dependency: &'a Dependency, evidence: &'a Evidence) -> Same<'a> {
    let held = evidence.held.iter().map(|held| (held.lock, held.mode, held.trylock));
    (
        &evidence.task,
        evidence.pid,
        held.collect(),
        dependency.to,
        dependency.to_mode,
        &evidence.to_stack,
        evidence.window,
    )
}

fn chain(key: ChainKey, dependency: &Dependency, evidence: &Evidence) -> Chain {
    let hold = |held: &Held| Hold {
        lock: LockKey(u64::from(held.lock)),
        mode: mode(held.mode),
        trylock: held.trylock,
        stack: Default::default(),
    };
    Chain {
        key,
        task: TaskKey(0),
        held: evidence.held.iter().map(hold).collect(),
        request: Hold {
            lock: LockKey(u64::from(dependency.to)),
            mode: mode(dependency.to_mode),
            trylock: false,
            stack: frames(&evidence.to_stack),
        },
        time_ns: evidence.time_ns,
        window: evidence.window.map(|window| WindowKey(u64::from(window))),
        // What the window tells stands before it.
        origin: match (&evidence.origin, evidence.window) {
            (Some(origin), Some(_)) => origin.split_once(BESIDE_WINDOW).map(|(_, beside)| beside.to_owned()),
            (origin, _) => origin.clone(),
        },
    }
}

fn mode(mode: snapshot::Mode) -> Mode {
    match mode {
        snapshot::Mode::Exclusive => Mode::Exclusive,
        snapshot::Mode::Shared => Mode::Shared,
    }
}

fn frames(stack: &[Arc<str>]) -> Arc<[Frame]> {
    stack.iter().cloned().map(Frame::Text).collect()
}
