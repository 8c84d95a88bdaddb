//! A snapshot made ready to be looked at, so that each key is answered at once however large it is: built once, off the screen's thread.
//!
//! Locks, dependencies, findings, tasks and windows are called by their place in the snapshot ("row"), not by their id.

mod edges;
mod log;
mod task;

use std::sync::Arc;

pub use edges::Edges;
pub use log::{Line, Losses};
pub use task::Task;

use super::list::{self, ListKind};
use crate::analysis::snapshot::{Dependency, Finding, Held, Lock, Snapshot, Wait};
use crate::report::phrase;

/// What is known of a lock beside what the snapshot says.
#[derive(Clone, Debug, Default)]
pub struct LockFacts {
    /// When it was first part of a dependency, in ns since the start.
    pub first_ns: u64,
    /// How often it was requested, at least.
    pub requests: u64,
    /// Rows of the findings that it is part of, the most severe first.
    pub findings: Vec<u32>,
    /// Rows of the waits of tasks that hold it.
    pub holders: Vec<u32>,
    /// Rows of the waits for it.
    pub waiters: Vec<u32>,
}

/// What a reload brought: rows.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    /// Dependencies that were first seen in it.
    pub dependencies: Vec<u32>,
    /// Notifiers registered and unregistered in it.
    pub notifiers: Vec<u32>,
}

/// What can be looked at.
#[derive(Debug, Default)]
pub struct Scene {
    /// Where it all comes from.
    pub snapshot: Arc<Snapshot>,
    /// Who depends on whom.
    pub edges: Edges,
    /// By the row of the lock.
    locks: Vec<LockFacts>,
    /// By the row of the lock: what stays the same of it.
    lock_keys: Vec<u64>,
    /// Every task that was seen.
    pub tasks: Vec<Task>,
    /// By the row of the window.
    pub brought: Vec<Brought>,
    /// By the row of the finding: when one of its sides was last seen, in ns.
    last_seen: Vec<u64>,
    /// What happened.
    pub log: Vec<Line>,
    /// Dependencies in the order in which they came.
    pub came: Vec<u32>,
    /// Begins and ends of reloads, in the order of time, in ns.
    pub turns: Vec<u64>,
    /// Orders of each list: its own, then by column.
    orders: [Vec<Vec<u32>>; ListKind::ALL.len()],
}

impl Scene {
    /// Makes a snapshot ready; `lines` is what the session has said.
    pub fn new(snapshot: Arc<Snapshot>, lines: &[Line]) -> Self {
        let edges = Edges::of(&snapshot);
        let mut came = rows(snapshot.dependencies.len());
        came.sort_by_key(|&row| snapshot.dependencies[row as usize].first_ns);
        let mut turns: Vec<_> = snapshot
            .windows
            .iter()
            .flat_map(|window| [Some(window.start_ns), window.end_ns])
            .flatten()
            .collect();
        turns.sort_unstable();
        turns.dedup();
        let mut scene = Self {
            lock_keys: snapshot.locks.iter().map(list::locks::key).collect(),
            brought: brought(&snapshot),
            log: log::lines(&snapshot, lines),
            locks: vec![LockFacts::default(); snapshot.locks.len()],
            edges,
            came,
            turns,
            snapshot,
            ..Self::default()
        };
        scene.tell_locks();
        scene.last_seen = scene
            .snapshot
            .findings
            .iter()
            .map(|finding| scene.seen(&finding.dependencies))
            .collect();
        scene.tasks = task::all(&scene);
        scene.orders = ListKind::ALL.map(|kind| scene.orders_of(kind));
        scene
    }

    fn tell_locks(&mut self) {
        let snapshot = Arc::clone(&self.snapshot);
        for (row, facts) in (0..).zip(&mut self.locks) {
            let of = |rows: &[u32]| {
                rows.iter()
                    .map(|&row| &snapshot.dependencies[row as usize])
                    .collect::<Vec<_>>()
            };
            let (before, after) = (of(self.edges.before(row)), of(self.edges.after(row)));
            let all = before.iter().chain(&after);
            facts.first_ns = all.map(|dependency| dependency.first_ns).min().unwrap_or(0);
            facts.requests = before.iter().map(|dependency| dependency.count).max().unwrap_or(0);
        }
        for (row, finding) in (0..).zip(&snapshot.findings) {
            let dependencies = finding.dependencies.iter().filter_map(|&id| self.dependency(id));
            let mut ends: Vec<_> = dependencies
                .flat_map(|dependency| [dependency.from, dependency.to])
                .collect();
            ends.sort_unstable();
            ends.dedup();
            for facts in ends.into_iter().filter_map(|id| self.edges.row(id)) {
                self.locks[facts as usize].findings.push(row);
            }
        }
        for (row, wait) in (0..).zip(&snapshot.waits) {
            if let Some(lock) = self.edges.row(wait.lock) {
                self.locks[lock as usize].waiters.push(row);
            }
            for lock in wait.held.iter().filter_map(|held| self.edges.row(held.lock)) {
                self.locks[lock as usize].holders.push(row);
            }
        }
    }

    /// When one of these dependencies was last seen.
    fn seen(&self, dependencies: &[u32]) -> u64 {
        let known = dependencies.iter().filter_map(|&id| self.dependency(id));
        known
            .map(|dependency| dependency.last_ns.max(dependency.first_ns))
            .max()
            .unwrap_or(0)
    }

    fn orders_of(&self, kind: ListKind) -> Vec<Vec<u32>> {
        let list = kind.list();
        let all = rows(list.len(self));
        let mut own = all.clone();
        own.sort_by_cached_key(|&row| list.rank(self, row));
        let columns = 0..list.columns().len();
        let by_column = columns.map(|column| {
            let mut rows = own.clone();
            rows.sort_by(|&a, &b| list.compare(self, column, a, b));
            rows
        });
        [own.clone()].into_iter().chain(by_column).collect()
    }

    /// The rows of a list in order: its own, or by a column.
    pub fn order(&self, kind: ListKind, column: Option<usize>) -> &[u32] {
        let orders = &self.orders[kind as usize];
        orders
            .get(column.map_or(0, |column| column + 1))
            .map_or(&[], Vec::as_slice)
    }

    /// A lock.
    pub fn lock(&self, row: u32) -> Option<&Lock> {
        self.snapshot.locks.get(row as usize)
    }

    /// What is known of a lock.
    pub fn facts(&self, row: u32) -> Option<&LockFacts> {
        self.locks.get(row as usize)
    }

    /// What stays the same of a lock.
    pub fn lock_key(&self, row: u32) -> u64 {
        self.lock_keys.get(row as usize).copied().unwrap_or_default()
    }

    /// The lock of a key.
    pub fn lock_of(&self, key: u64) -> Option<u32> {
        let row = self.lock_keys.iter().position(|&known| known == key)?;
        u32::try_from(row).ok()
    }

    /// The row of a key in a list.
    pub fn row_of(&self, kind: ListKind, key: u64) -> Option<u32> {
        if kind == ListKind::Locks {
            return self.lock_of(key);
        }
        let list = kind.list();
        rows(list.len(self)).into_iter().find(|&row| list.key(self, row) == key)
    }

    /// When a finding was last seen.
    pub fn last_seen(&self, finding: u32) -> u64 {
        self.last_seen.get(finding as usize).copied().unwrap_or_default()
    }

    /// A task.
    pub fn task(&self, row: u32) -> Option<&Task> {
        self.tasks.get(row as usize)
    }

    /// What it waits for.
    pub fn wait(&self, task: &Task) -> Option<&Wait> {
        self.snapshot.waits.get(task.wait? as usize)
    }

    /// The tasks that are known to hold a lock: of those that wait it is known what they hold now, and whom they wait for.
    pub fn holders(&self, row: u32) -> Vec<&str> {
        let Some(facts) = self.facts(row) else {
            return Vec::new();
        };
        let wait = |&row: &u32| self.snapshot.waits.get(row as usize);
        let own = facts.holders.iter().filter_map(wait).map(|wait| &*wait.task);
        let mut holders: Vec<_> = own.collect();
        for task in facts.waiters.iter().filter_map(wait).flat_map(|wait| &wait.on) {
            if !holders.contains(&task.as_str()) {
                holders.push(task);
            }
        }
        holders
    }

    /// The name of a lock by its id.
    pub fn lock_name(&self, id: u32) -> &str {
        let lock = self.edges.row(id).and_then(|row| self.lock(row));
        lock.map_or("?", |lock| &lock.name)
    }

    /// The locks of a finding in the order of its circle, with arrows; of what is no circle, its title.
    pub fn circle(&self, finding: &Finding) -> String {
        let sides = finding.dependencies.iter().filter_map(|&id| self.dependency(id));
        let mut names: Vec<_> = sides.map(|side| self.lock_name(side.from)).collect();
        if finding.verdict.is_none() || names.is_empty() {
            return finding.title.clone();
        }
        names.extend(names.first().copied());
        names.join(" -> ")
    }

    /// A dependency by its id.
    pub fn dependency(&self, id: u32) -> Option<&Dependency> {
        let row = self.edges.dependency_row(id)?;
        self.snapshot.dependencies.get(row as usize)
    }

    /// A held stack, one item a lock.
    pub fn held(&self, held: &[Held]) -> Vec<String> {
        phrase::held(&self.snapshot, held)
    }

    /// Length of the run, in ns.
    pub fn duration_ns(&self) -> u64 {
        let last = self
            .came
            .last()
            .map(|&row| self.snapshot.dependencies[row as usize].first_ns);
        let known = [self.snapshot.capture.duration_ns, last, self.turns.last().copied()];
        known.into_iter().flatten().max().unwrap_or(0)
    }

    /// How many dependencies had come at a time.
    pub fn came_by(&self, time_ns: u64) -> usize {
        self.came
            .partition_point(|&row| self.snapshot.dependencies[row as usize].first_ns <= time_ns)
    }
}

/// What each reload brought.
fn brought(snapshot: &Snapshot) -> Vec<Brought> {
    let mut brought = vec![Brought::default(); snapshot.windows.len()];
    for (row, dependency) in (0..).zip(&snapshot.dependencies) {
        let window = dependency.evidence.first().and_then(|evidence| evidence.window);
        if let Some(window) = window.and_then(|window| brought.get_mut(window as usize)) {
            window.dependencies.push(row);
        }
    }
    for (row, notifier) in (0..).zip(&snapshot.notifiers) {
        if let Some(window) = notifier.window.and_then(|window| brought.get_mut(window as usize)) {
            window.notifiers.push(row);
        }
    }
    brought
}

/// The rows of something that has so many.
fn rows(count: usize) -> Vec<u32> {
    (0..u32::try_from(count).unwrap_or(u32::MAX)).collect()
}
