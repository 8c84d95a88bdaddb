//! What a model needs, by what the kernel says of this process: one line a size. Not a matter of time, so criterion has no part in it.

mod support;

use support::Shape;
use tracer::analysis::context::Context;
use tracer::analysis::model::Model;

fn main() {
    // First: what is freed by the graphs is not given back to the system.
    replay();
    graphs();
}

/// Steps of a workload that repeats itself.
fn replay() {
    let events = if support::long() { 10_000_000 } else { 1_000_000 };
    support::forget_peak();
    let (before, _) = support::memory();
    let mut model = Model::new();
    let steps = support::steps();
    steps
        .iter()
        .cycle()
        .take(events)
        .for_each(|step| model.apply(step.clone()));
    let peak = support::memory().1.saturating_sub(before);
    println!("{events} steps that repeat themselves: peak {} MB", peak / 1_000_000);
}

fn graphs() {
    let largest = if support::long() { 6 } else { 5 };
    println!("locks | dependencies | model | bytes a dependency | peak while it grew | peak with a snapshot");
    for locks in (4..=largest).map(|decade| 10u32.pow(decade)) {
        let edges = support::acyclic(Shape::Layered, locks);
        support::forget_peak();
        let (before, _) = support::memory();
        let model = support::model(locks, locks, &edges);
        let (after, peak) = support::memory();
        let of = |bytes: u64| bytes.saturating_sub(before);
        let count = u64::try_from(edges.len()).unwrap_or(u64::MAX);
        // The document of the largest one is more than this machine may have; it grows with the dependencies like the others.
        let document = (locks <= 100_000).then(|| {
            let snapshot = model.snapshot(&Context::default());
            let peak = of(support::memory().1);
            drop(snapshot);
            peak
        });
        println!(
            "{locks} | {count} | {} MB | {} | {} MB | {}",
            of(after) / 1_000_000,
            of(after) / count,
            of(peak) / 1_000_000,
            document.map_or("not made".to_string(), |peak| format!("{} MB", peak / 1_000_000)),
        );
    }
}
