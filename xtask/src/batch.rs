//! Many guests, some of them at once.

use std::{
    fmt,
    num::NonZero,
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::Result;

use crate::{
    lab::{self, Options},
    scenario::Scenario,
};

/// More guests than this do not get faster: they wait for the disk and for their own timers.
const MOST: usize = 4;

/// One scenario on one kernel.
pub struct Job<'a> {
    /// What to run.
    pub scenario: &'a Scenario,
    /// The kernel series, as the command line says it.
    pub kernel: String,
}

impl fmt::Display for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.scenario.name, self.kernel)
    }
}

/// Every scenario on every kernel that `kernels` gives for it, those that may take longest first: none of them is left alone at the end.
pub fn jobs<'a>(scenarios: &'a [Scenario], kernels: impl Fn(&Scenario) -> Vec<String>) -> Vec<Job<'a>> {
    let mut jobs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| {
            kernels(scenario)
                .into_iter()
                .map(move |kernel| Job { scenario, kernel })
        })
        .collect();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.scenario.timeout));
    jobs
}

/// Runs all jobs and gives each result to `done` when it is there.
pub fn run(jobs: &[Job<'_>], tracer: &Path, options: &Options<'_>, mut done: impl FnMut(&Job<'_>, Result<bool>)) {
    let width = if options.verbose {
        1
    } else {
        options.jobs.unwrap_or_else(width)
    };
    side_by_side(
        jobs,
        width,
        |job| lab::run_one(job, tracer, options),
        |job, result| done(job, result),
    );
}

/// As many guests as processors: an emulated guest takes one.
fn width() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Does `work` on all `items`, `width` at a time, in their order; `done` gets the results one after another.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    width: usize,
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(&T, R),
) {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..width.max(1) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((item, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (item, result) in results {
            done(item, result);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn everything_is_done_once_and_two_at_a_time() {
        let both = Barrier::new(2);
        let mut seen = Vec::new();
        // Neither of two would go on without the other.
        let work = |item: &i32| {
            both.wait();
            item * 10
        };
        side_by_side(&[1, 2, 3, 4], 2, work, |item, result| seen.push((*item, result)));
        seen.sort_unstable();
        assert_eq!(seen, [(1, 10), (2, 20), (3, 30), (4, 40)]);
    }

    #[test]
    fn one_at_a_time_keeps_the_order() {
        let mut seen = Vec::new();
        side_by_side(&[3, 1, 2], 1, |item: &i32| *item, |_, result| seen.push(result));
        assert_eq!(seen, [3, 1, 2]);
    }

    #[test]
    fn the_longest_goes_first() {
        let scenario = |name: &str, timeout: u32| {
            Scenario::parse(name, &format!("about = 'a'\nrun = 'true'\ntimeout = {timeout}")).unwrap()
        };
        let scenarios = [scenario("a", 100), scenario("b", 300)];
        let jobs = jobs(&scenarios, |_| vec!["6.1".to_owned(), "7.2".to_owned()]);
        let names: Vec<_> = jobs
            .iter()
            .map(|job| (job.scenario.name.as_str(), job.kernel.as_str()))
            .collect();
        assert_eq!(names, [("b", "6.1"), ("b", "7.2"), ("a", "6.1"), ("a", "7.2")]);
    }
}
