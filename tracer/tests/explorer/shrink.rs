//! Makes a failing program as small as it gets.

use super::judge::{Failure, Judged};
use super::program::{Op, Program};

/// Schedules tried per smaller program: the one that failed may not exist any more.
const SEEDS: u64 = 8;

/// Takes away tasks, sections and operations as long as the program still fails in this way.
pub fn shrink(judged: Judged, failure: Failure, judge: impl Fn(Program, u64) -> Judged) -> Judged {
    let mut best = judged;
    'smaller: loop {
        for candidate in candidates(&best.program) {
            for seed in 0..SEEDS {
                let judged = judge(candidate.clone(), seed);
                if judged.failures.contains_key(&failure) {
                    best = judged;
                    continue 'smaller;
                }
            }
        }
        return best;
    }
}

fn candidates(program: &Program) -> Vec<Program> {
    let tasks = (0..program.tasks.len()).map(|task| without_task(program, task));
    let mut all: Vec<_> = tasks.collect();
    for (task, of) in program.tasks.iter().enumerate() {
        for (position, op) in of.ops.iter().enumerate() {
            let mut smaller = program.clone();
            let ops = &mut smaller.tasks[task].ops;
            if let Some(release) = program.release_of(task, position) {
                ops.remove(release);
            } else if matches!(op, Op::Release(_)) {
                continue;
            }
            ops.remove(position);
            all.push(smaller);
        }
    }
    all
}

fn without_task(program: &Program, task: usize) -> Program {
    let mut smaller = program.clone();
    smaller.tasks.remove(task);
    for of in &mut smaller.tasks {
        of.ops.retain(|op| op.task() != Some(task));
        for op in &mut of.ops {
            if let Some(other) = op.task().filter(|&other| other > task) {
                *op = op.about(other - 1);
            }
        }
    }
    smaller
}
