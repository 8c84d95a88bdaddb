//! Every task that was seen, by its name and number.

use rustc_hash::FxHashMap;

use super::Scene;
use crate::analysis::snapshot::Evidence;

/// Situations of one task that are kept for its details; how many there are in all is told.
const MAX_SITUATIONS: usize = 1_000;

/// A task.
#[derive(Clone, Debug, Default)]
pub struct Task {
    /// `comm`, a worker's with its work.
    pub name: String,
    /// Thread id.
    pub pid: Option<u32>,
    /// When it was seen first, in ns since the start.
    pub first_ns: u64,
    /// Rows of dependencies, and which of their evidence is this task's.
    pub situations: Vec<(u32, u32)>,
    /// Row of what it waits for.
    pub wait: Option<u32>,
    /// Rows of its reloads.
    pub windows: Vec<u32>,
    /// Of the worst finding that it is a side of.
    pub severity: Option<String>,
}

impl Task {
    /// The situations that its details show, and how many more there are.
    pub fn shown(&self) -> (&[(u32, u32)], usize) {
        let shown = &self.situations[..self.situations.len().min(MAX_SITUATIONS)];
        (shown, self.situations.len() - shown.len())
    }
}

/// All tasks, in the order in which they were seen.
pub(super) fn all(scene: &Scene) -> Vec<Task> {
    let mut tasks = Tasks::default();
    for &row in &scene.came {
        let dependency = &scene.snapshot.dependencies[row as usize];
        for (number, evidence) in (0..).zip(&dependency.evidence) {
            let Evidence { task, pid, time_ns, .. } = evidence;
            tasks.get(task, *pid, *time_ns).situations.push((row, number));
        }
    }
    for (row, wait) in (0..).zip(&scene.snapshot.waits) {
        tasks.get(&wait.task, wait.pid, wait.since_ns).wait = Some(row);
    }
    for (row, window) in (0..).zip(&scene.snapshot.windows) {
        tasks.get(&window.task, window.pid, window.start_ns).windows.push(row);
    }
    // Findings are in order of severity, the most severe first.
    for finding in &scene.snapshot.findings {
        for side in &finding.scenario {
            let task = tasks.get(&side.task, side.pid, finding.first_ns);
            task.severity.get_or_insert_with(|| finding.severity.clone());
        }
    }
    tasks.tasks
}

#[derive(Default)]
struct Tasks<'a> {
    known: FxHashMap<(&'a str, Option<u32>), usize>,
    tasks: Vec<Task>,
}

impl<'a> Tasks<'a> {
    fn get(&mut self, name: &'a str, pid: Option<u32>, time_ns: u64) -> &mut Task {
        let count = self.tasks.len();
        let index = *self.known.entry((name, pid)).or_insert(count);
        if index == count {
            self.tasks.push(Task {
                name: name.to_owned(),
                pid,
                first_ns: time_ns,
                ..Task::default()
            });
        }
        let task = &mut self.tasks[index];
        task.first_ns = task.first_ns.min(time_ns);
        task
    }
}
