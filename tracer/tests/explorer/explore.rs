//! Every interleaving of a program: the states in which it hangs, and who waits for whom in them.

use std::collections::{BTreeSet, HashSet};

use super::machine::{Machine, Resources, State};

/// Tasks that wait for each other in a circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cycle {
    /// What they wait for.
    pub resources: Resources,
    /// That, and everything they hold.
    pub involved: Resources,
    /// No part of these tasks waits for each other in a circle of its own.
    pub minimal: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Explored {
    pub states: usize,
    pub deadlocks: usize,
    pub cycles: BTreeSet<Cycle>,
}

/// How it is searched; both find the same deadlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    Full,
    /// Harmless steps are made at once.
    Reduced,
}

/// `None` when there are more states than `limit`.
pub fn explore(machine: &Machine<'_>, search: Search, limit: usize) -> Option<Explored> {
    let mut explored = Explored::default();
    let mut seen = HashSet::new();
    let mut todo = vec![machine.start()];
    seen.insert(machine.start());
    while let Some(state) = todo.pop() {
        explored.states += 1;
        if explored.states > limit {
            return None;
        }
        let next = successors(machine, &state, search);
        if next.is_empty() {
            let hangs = machine.tasks().any(|task| !machine.is_finished(&state, task));
            if hangs {
                explored.deadlocks += 1;
                cycles(machine, &state, &mut explored.cycles);
            }
        }
        todo.extend(next.into_iter().filter(|next| seen.insert(*next)));
    }
    Some(explored)
}

fn successors(machine: &Machine<'_>, state: &State, search: Search) -> Vec<State> {
    if search == Search::Reduced {
        let harmless = machine.tasks().filter(|&task| machine.is_harmless(state, task));
        if let Some(step) = harmless.filter_map(|task| machine.step(state, task)).next() {
            return vec![step.state];
        }
    }
    let steps = machine.tasks().filter_map(|task| machine.step(state, task));
    steps.map(|step| step.state).collect()
}

/// The wait cycles of a state in which nothing goes on.
fn cycles(machine: &Machine<'_>, state: &State, found: &mut BTreeSet<Cycle>) {
    let waits: Vec<_> = machine
        .tasks()
        .map(|task| machine.waits_for(state, task).unwrap_or_default())
        .collect();
    let mut circles: Vec<u8> = Vec::new();
    for start in machine.tasks() {
        // Paths of tasks above the first one: each circle is found once.
        let mut paths = vec![vec![start]];
        while let Some(path) = paths.pop() {
            let last = path[path.len() - 1];
            for next in machine.tasks().filter(|task| waits[last].1 & 1 << task != 0) {
                if next == start {
                    circles.push(path.iter().fold(0, |all, task| all | 1 << task));
                } else if next > start && !path.contains(&next) {
                    let mut longer = path.clone();
                    longer.push(next);
                    paths.push(longer);
                }
            }
        }
    }
    assert!(
        !circles.is_empty(),
        "hangs without a wait cycle\n{}{state:?}",
        machine.program
    );
    for &tasks in &circles {
        let minimal = !circles.iter().any(|&other| other != tasks && other & !tasks == 0);
        found.insert(cycle(machine, state, tasks, minimal));
    }
}

fn cycle(machine: &Machine<'_>, state: &State, tasks: u8, minimal: bool) -> Cycle {
    let mut cycle = Cycle {
        resources: 0,
        involved: 0,
        minimal,
    };
    for task in machine.tasks().filter(|task| tasks & 1 << task != 0) {
        cycle.resources |= machine.waits_for(state, task).map_or(0, |(resource, _)| resource);
        cycle.involved |= machine.keeps(state, task);
    }
    cycle.involved |= cycle.resources;
    cycle
}
