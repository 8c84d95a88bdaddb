//! Many programs at once, and what came of them as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::generate::Class;
use super::judge::{self, FAILURES, Failure, Judged};
use super::shrink;

/// Failing programs of each kind that are kept.
const EXAMPLES: usize = 40;

#[derive(Debug, Default)]
pub struct Tally {
    pub programs: u64,
    pub skipped: u64,
    pub completed: u64,
    /// Programs with a reachable deadlock, and those of them whose trace shows all of it.
    pub deadlocks: u64,
    pub predictable: u64,
    pub states: u64,
    pub verdicts: BTreeMap<String, (u64, u64)>,
    /// Programs, failures in them.
    pub failures: BTreeMap<Failure, (u64, u64)>,
    /// Seeds of failing programs, smallest program first.
    pub examples: BTreeMap<Failure, Vec<(usize, u64)>>,
}

/// Judges the programs of the seeds from `first` on, on all cores.
pub fn run(class: Class, first: u64, programs: u64) -> Tally {
    let next = AtomicU64::new(first);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + programs {
                return tally;
            }
            tally.add(seed, &judge::seed(class, seed));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(tally) => all.merge(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

impl Tally {
    fn add(&mut self, seed: u64, judged: &Judged) {
        self.programs += 1;
        let Some(explored) = &judged.explored else {
            self.skipped += 1;
            return;
        };
        let deadlock = explored.deadlocks > 0;
        self.states += explored.states as u64;
        self.completed += u64::from(judged.trace.completed);
        self.deadlocks += u64::from(deadlock);
        self.predictable += u64::from(deadlock && judged.trace.whole);
        for (verdict, (all, real)) in &judged.verdicts {
            add(self.verdicts.entry(verdict.clone()).or_default(), (*all, *real));
        }
        let size = judged.program.tasks.iter().map(|task| task.ops.len()).sum();
        for (&failure, (count, _)) in &judged.failures {
            add(self.failures.entry(failure).or_default(), (1, *count));
            self.examples.entry(failure).or_default().push((size, seed));
        }
        self.trim();
    }

    fn merge(&mut self, other: Self) {
        self.programs += other.programs;
        self.skipped += other.skipped;
        self.completed += other.completed;
        self.deadlocks += other.deadlocks;
        self.predictable += other.predictable;
        self.states += other.states;
        for (verdict, counts) in other.verdicts {
            add(self.verdicts.entry(verdict).or_default(), counts);
        }
        for (failure, counts) in other.failures {
            add(self.failures.entry(failure).or_default(), counts);
        }
        for (failure, seeds) in other.examples {
            self.examples.entry(failure).or_default().extend(seeds);
        }
        self.trim();
    }

    fn trim(&mut self) {
        for seeds in self.examples.values_mut() {
            seeds.sort_unstable();
            seeds.truncate(EXAMPLES);
        }
    }

    pub fn programs_with(&self, failure: Failure) -> u64 {
        self.failures.get(&failure).map_or(0, |(programs, _)| *programs)
    }

    /// False ones, and all findings of the verdicts that tell a deadlock.
    pub fn alarms(&self) -> (u64, u64) {
        let severe = ["possible", "certain", "deadlock"];
        let all = severe.iter().filter_map(|verdict| self.verdicts.get(*verdict));
        let wrong = self.failures.get(&Failure::False);
        (
            wrong.map_or(0, |(_, failures)| *failures),
            all.map(|(all, _)| all).sum(),
        )
    }

    /// The smallest failing programs of each kind, made smaller; each once.
    pub fn examples(&self, class: Class, failure: Failure, most: usize) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        let mut texts = Vec::new();
        for &(_, seed) in self.examples.get(&failure).into_iter().flatten() {
            if texts.len() == most {
                break;
            }
            let judged = shrink::shrink(judge::seed(class, seed), failure, judge::program);
            let program = judged.program.to_string();
            if !known.contains(&program) {
                known.push(program);
                texts.push(format!(
                    "{failure:?}, {class:?} {seed}, made smaller:\n{}",
                    judged.report()
                ));
            }
        }
        texts
    }
}

fn add(to: &mut (u64, u64), what: (u64, u64)) {
    to.0 += what.0;
    to.1 += what.1;
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, number: String| writeln!(f, "  {what:<38} {number:>24}");
        row("programs", self.programs.to_string())?;
        row("skipped, too many states", self.skipped.to_string())?;
        row("states", self.states.to_string())?;
        row("completed", self.completed.to_string())?;
        row("with reachable deadlock", self.deadlocks.to_string())?;
        row("  of these traced whole", self.predictable.to_string())?;
        for failure in FAILURES {
            let (programs, failures) = self.failures.get(&failure).copied().unwrap_or_default();
            row(&format!("{failure:?}"), format!("{programs} programs, {failures}"))?;
        }
        let (wrong, all) = self.alarms();
        row(
            "false rate",
            format!("{wrong}/{all} = {:.4}", wrong as f64 / all.max(1) as f64),
        )?;
        for (verdict, (all, real)) in &self.verdicts {
            row(verdict, format!("{all}, reachable {real}"))?;
        }
        Ok(())
    }
}
