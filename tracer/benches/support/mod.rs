//! Graphs, models and memory for all benchmarks.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tracer::analysis::event::{
    Chain, ChainKey, Event, Frame, Hold, LockKey, LockKind, LockName, Mode, Op, StackKey, Step, TaskKey,
};
use tracer::analysis::model::Model;

/// Dependencies per lock.
pub const DEGREE: u32 = 10;

/// Layers of a layered graph: as deep as kernel locks nest.
pub const LAYERS: u32 = 48;

/// What a graph looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// As lock hierarchies are: each lock is in one of 48 layers and taken before locks of deeper ones.
    Layered,
    /// Each pair of locks goes along one hidden order of all.
    Random,
}

impl Shape {
    pub const ALL: [Self; 2] = [Self::Layered, Self::Random];

    pub fn name(self) -> &'static str {
        match self {
            Self::Layered => "layered",
            Self::Random => "random",
        }
    }
}

/// The layer of a lock.
pub fn layer(lock: u32) -> u32 {
    // Any mixing will do; the same lock is in the same layer in every benchmark.
    (lock.wrapping_mul(0x9e37_79b1) >> 16) % LAYERS
}

/// A graph without cycles, ten dependencies a lock, in random order: distinct but for the few that random numbers repeat.
pub fn acyclic(shape: Shape, locks: u32) -> Vec<(u32, u32)> {
    let mut rng = StdRng::seed_from_u64(u64::from(locks));
    let mut hidden: Vec<u32> = (0..locks).collect();
    hidden.shuffle(&mut rng);
    let place = |lock: u32| match shape {
        Shape::Layered => layer(lock),
        Shape::Random => hidden[lock as usize],
    };
    let mut edges = Vec::with_capacity((locks * DEGREE) as usize);
    while edges.len() < (locks * DEGREE) as usize {
        let (a, b) = (rng.random_range(0..locks), rng.random_range(0..locks));
        match place(a).cmp(&place(b)) {
            std::cmp::Ordering::Less => edges.push((a, b)),
            std::cmp::Ordering::Greater => edges.push((b, a)),
            std::cmp::Ordering::Equal => {}
        }
    }
    edges
}

/// Some short cycles between locks of their own: of two locks, then of three, and so on.
pub fn cycles(first: u32, count: u32) -> Vec<(u32, u32)> {
    let mut edges = Vec::new();
    let mut start = first;
    for length in (2..6).cycle().take(count as usize) {
        edges.extend((0..length).map(|lock| (start + lock, start + (lock + 1) % length)));
        start += length;
    }
    edges
}

fn hold(lock: u32, at: u64) -> Hold {
    Hold {
        lock: LockKey(u64::from(lock)),
        mode: Mode::Exclusive,
        trylock: false,
        stack: [0xffff_ffff_8100_0000 + at, 0xffff_ffff_8200_0000]
            .map(Frame::Address)
            .into(),
    }
}

/// A lock held, another requested, by one of 64 tasks at one of some 4000 places.
pub fn chain(key: u64, held: &[u32], request: u32) -> Event {
    let place = |lock: &u32| u64::from(lock % 4096);
    Event::Chain(Box::new(Chain {
        key: ChainKey(key),
        task: TaskKey(key % 64),
        held: held.iter().map(|lock| hold(*lock, place(lock))).collect(),
        request: hold(request, place(&request)),
        time_ns: key,
        window: None,
        origin: None,
    }))
}

/// The name of a lock that is of its layer's class, or else of one of few others.
pub fn name(lock: u32, layered: bool) -> Event {
    let name = LockName {
        class: match layered {
            true => format!("&layer_{}->lock", layer(lock)),
            false => format!("&cycle_{}->lock", lock % 16),
        },
        name: format!("lock {lock}"),
        label: None,
        named_by: None,
    };
    Event::Lock(LockKey(u64::from(lock)), LockKind::Mutex, name)
}

/// A model that has seen one chain per dependency. The first locks are named after their layers.
pub fn model(layered: u32, locks: u32, edges: &[(u32, u32)]) -> Model {
    let mut model = Model::new();
    (0..locks).for_each(|lock| model.apply(name(lock, lock < layered)));
    for (key, &(from, to)) in (0u64..).zip(edges) {
        model.apply(chain(key, &[from], to));
    }
    model
}

/// Takes three locks and gives them back, task by task; 1,000 of such runs, one by one.
pub fn steps() -> Vec<Event> {
    let mut steps = Vec::new();
    for run in 0..1_000u64 {
        let lock = |depth: u64| LockKey(run * 7 % 250 + depth * 250);
        let mut step = |op: Op| {
            steps.push(Event::Step(Step {
                task: TaskKey(run % 64),
                op,
                stack: StackKey(0),
                time_ns: run,
            }));
        };
        (0..3).for_each(|depth| step(Op::Acquire(lock(depth), Mode::Exclusive)));
        (0..3)
            .rev()
            .for_each(|depth| step(Op::Release(lock(depth), Mode::Exclusive)));
    }
    steps
}

/// Whether `cargo xtask bench` wants the sizes that take minutes, too.
pub fn long() -> bool {
    std::env::var_os("TRACER_BENCH_LONG").is_some()
}

/// Bytes of memory: now, and the most since [`forget_peak`].
pub fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        kilobytes.unwrap_or(0u64) * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Begins to measure the peak anew.
pub fn forget_peak() {
    // 5 resets VmHWM: proc_pid_clear_refs(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
