//! The wait-for graph: who waits for whom right now, which of them wait in a circle, and who is stuck behind those.
//!
//! Made from requests that are not granted yet and from who holds what. A writer waits for every holder, a reader for a writer that
//! holds, and for the holders too once a writer is queued before it (`rwsem_down_read_slowpath()`, Linux 6.12). Who flushes waits for
//! whoever runs the work item, who joins for the thread, who waits for a completion for those that were seen to complete it before.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;
use rustc_hash::FxHashMap;

use super::event::{LockKind, Mode};
use super::held::Waiting;
use super::lock::LockId;
use super::model::Model;
use super::task::TaskId;

/// A task that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) task: TaskId,
    pub(crate) waiting: Waiting,
    /// For whom.
    pub(crate) on: Vec<TaskId>,
    /// The circle that it is in or stuck behind, by index.
    pub(crate) circle: Option<usize>,
}

/// Tasks that wait for each other in a circle: each for something that the next one holds or has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle(pub(crate) Vec<TaskId>);

/// Who waits for whom.
#[derive(Debug, Default)]
pub(crate) struct WaitFor {
    pub(crate) waiters: Vec<Waiter>,
    pub(crate) circles: Vec<Circle>,
}

impl WaitFor {
    pub(crate) fn of(model: &Model) -> Self {
        let known = Known::of(model);
        let mut waiters: Vec<_> = model
            .held
            .all_waiting()
            .filter(|(_, waiting)| !known.is_over(waiting))
            .map(|(task, waiting)| Waiter {
                task,
                waiting,
                on: known.on(&waiting),
                circle: None,
            })
            .collect();
        let mut graph: DiGraphMap<TaskId, ()> = DiGraphMap::new();
        for waiter in &waiters {
            for &other in &waiter.on {
                graph.add_edge(waiter.task, other, ());
            }
        }
        let mut circles: Vec<_> = kosaraju_scc(&graph)
            .into_iter()
            .filter_map(|together| circle(&graph, &together))
            .collect();
        circles.sort_by(|a, b| a.0.cmp(&b.0));
        let stuck = stuck(&graph, &circles);
        for waiter in &mut waiters {
            waiter.circle = stuck.get(&waiter.task).copied();
        }
        Self { waiters, circles }
    }
}

/// Whom each task waits for that does, as far as that is known.
pub(crate) fn blockers(model: &Model) -> Vec<(TaskId, Vec<TaskId>)> {
    let known = Known::of(model);
    let waiting = model.held.all_waiting();
    waiting.map(|(task, waiting)| (task, known.on(&waiting))).collect()
}

/// The model by what the waiting tasks ask of it.
struct Known<'a> {
    model: &'a Model,
    /// The threads that somebody waits for.
    threads: FxHashMap<LockId, TaskId>,
    /// Since when a writer has been queued on a lock, in ns.
    queued: FxHashMap<LockId, u64>,
}

impl<'a> Known<'a> {
    fn of(model: &'a Model) -> Self {
        let mut queued = FxHashMap::default();
        for (_, waiting) in model.held.all_waiting() {
            if waiting.request.mode == Mode::Exclusive {
                let first = queued.entry(waiting.request.lock).or_insert(waiting.since_ns);
                *first = waiting.since_ns.min(*first);
            }
        }
        Self {
            model,
            threads: model.threads.iter().map(|(&task, &thread)| (thread, task)).collect(),
            queued,
        }
    }

    /// Whether what a task waits for has come although it has done nothing since.
    fn is_over(&self, waiting: &Waiting) -> bool {
        if waiting.is_seen {
            return false;
        }
        let (model, what) = (self.model, waiting.request.lock);
        match model.locks.get(what).map(|lock| lock.kind) {
            Some(LockKind::Work) => !model.strands.is_busy(what),
            Some(LockKind::Completion) => model.woken.get(&what).is_some_and(|&woken| woken > waiting.since_ns),
            Some(LockKind::Thread) => {
                let thread = self.threads.get(&what);
                thread.is_none_or(|&task| model.held.waiting(task).is_none())
            }
            _ => model.held.holders(what).is_empty(),
        }
    }

    /// Whom a task waits for.
    fn on(&self, waiting: &Waiting) -> Vec<TaskId> {
        let what = waiting.request.lock;
        let mut on: Vec<_> = match self.model.locks.get(what).map(|lock| lock.kind) {
            Some(LockKind::Completion) => self.wakers(what, waiting.is_seen),
            Some(LockKind::Thread) => self.threads.get(&what).copied().into_iter().collect(),
            _ => self.holders(waiting),
        };
        if on.is_empty() {
            on.extend(waiting.owner);
        }
        on.sort();
        on.dedup();
        on
    }

    /// Those that were seen to complete it: each of them could again, so it takes all of them to be waiting.
    fn wakers(&self, completion: LockId, is_seen: bool) -> Vec<TaskId> {
        if is_seen {
            return self.owners_of_wakes(completion);
        }
        let strands = &self.model.strands;
        let wakes = strands
            .completion(completion)
            .into_iter()
            .flat_map(|known| &known.wakes);
        let tasks: Vec<_> = wakes.filter_map(|wake| Some(strands.get(wake.strand)?.task)).collect();
        let all_wait = tasks.iter().all(|&task| self.model.held.waiting(task).is_some());
        if all_wait { tasks } else { Vec::new() }
    }

    /// The same of a source that tells what they had to get before.
    fn owners_of_wakes(&self, completion: LockId) -> Vec<TaskId> {
        let dependencies = self.model.graph.dependencies().iter();
        let wakes = dependencies.filter(|dependency| dependency.edge.from == completion);
        let tasks: Vec<_> = wakes
            .flat_map(|dependency| dependency.evidence.iter().map(|evidence| evidence.task.id))
            .collect();
        let all_wait = tasks.iter().all(|&task| self.model.held.waiting(task).is_some());
        if all_wait { tasks } else { Vec::new() }
    }

    fn holders(&self, waiting: &Waiting) -> Vec<TaskId> {
        let request = waiting.request;
        let queued = self.queued.get(&request.lock);
        let queued_before = queued.is_some_and(|&queued| queued <= waiting.since_ns);
        let blocks = |&&holder: &&TaskId| {
            let holds = self.model.held.of(holder).iter();
            let mut modes = holds.filter(|taken| taken.lock == request.lock).map(|taken| taken.mode);
            modes.any(|hold| match (request.mode, hold) {
                (Mode::Exclusive, _) | (_, Mode::Exclusive) => true,
                (Mode::Shared, _) => queued_before,
                (Mode::SharedRecursive, _) => false,
            })
        };
        let holders = self.model.held.holders(request.lock).iter();
        holders.filter(blocks).copied().collect()
    }
}

/// A shortest circle among tasks that all reach each other, from the smallest task on.
fn circle(graph: &DiGraphMap<TaskId, ()>, together: &[TaskId]) -> Option<Circle> {
    let &start = together.iter().min()?;
    if together.len() == 1 {
        return graph.contains_edge(start, start).then(|| Circle(vec![start]));
    }
    let members: BTreeSet<_> = together.iter().copied().collect();
    let around = |start: TaskId| {
        let mut before: BTreeMap<TaskId, TaskId> = BTreeMap::new();
        let mut todo = std::collections::VecDeque::from([start]);
        while let Some(task) = todo.pop_front() {
            for next in graph.neighbors(task).filter(|next| members.contains(next)) {
                if next == start {
                    let mut circle = vec![task];
                    while let Some(&previous) = circle.last().and_then(|last| before.get(last)) {
                        circle.push(previous);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if let Entry::Vacant(entry) = before.entry(next) {
                    entry.insert(task);
                    todo.push_back(next);
                }
            }
        }
        None
    };
    members
        .iter()
        .filter_map(|&start| around(start))
        .min_by_key(Vec::len)
        .map(Circle)
}

/// Tasks in a circle, and those that wait for one of them, however many steps away.
fn stuck(graph: &DiGraphMap<TaskId, ()>, circles: &[Circle]) -> BTreeMap<TaskId, usize> {
    let mut stuck = BTreeMap::new();
    for (index, circle) in circles.iter().enumerate() {
        let mut todo = circle.0.clone();
        while let Some(task) = todo.pop() {
            if stuck.contains_key(&task) {
                continue;
            }
            stuck.insert(task, index);
            todo.extend(graph.neighbors_directed(task, petgraph::Direction::Incoming));
        }
    }
    stuck
}
