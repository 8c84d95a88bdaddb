//! How many events a model takes in, on one core: chains it knows, steps of tasks, chains it does not know. One number is one event.

mod support;

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tracer::analysis::event::{ChainKey, Event, TaskKey};
use tracer::analysis::model::Model;

/// Chains that are known: of a busy kernel after some hours.
const CHAINS: u64 = 10_000;
const LOCKS: u32 = 5_000;

/// A model that knows chains of four locks each, which 64 tasks go along.
fn knowing() -> Model {
    let mut model = Model::new();
    for key in 0..CHAINS {
        let number = u32::try_from(key).unwrap_or(u32::MAX);
        let lock = |offset: u32| (number * 7 + offset * 13) % (LOCKS / 4) + offset * (LOCKS / 4);
        model.apply(support::chain(key, &[lock(0), lock(1), lock(2)], lock(3)));
    }
    model
}

fn replay(criterion: &mut Criterion) {
    let events: u64 = if support::long() { 10_000_000 } else { 1_000_000 };
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).warm_up_time(Duration::from_millis(100));
    group.throughput(Throughput::Elements(events));

    group.bench_function(BenchmarkId::new("known chain, same task", events), |bencher| {
        let again = |mut model: Model| {
            for event in 0..events {
                model.apply(Event::Again(ChainKey(event % CHAINS), TaskKey(event % CHAINS % 64)));
            }
            model
        };
        bencher.iter_batched(knowing, again, BatchSize::PerIteration);
    });
    group.bench_function(BenchmarkId::new("known chain, another task", events), |bencher| {
        let again = |mut model: Model| {
            for event in 0..events {
                model.apply(Event::Again(ChainKey(event % CHAINS), TaskKey(event % 63)));
            }
            model
        };
        bencher.iter_batched(knowing, again, BatchSize::PerIteration);
    });
    group.bench_function(BenchmarkId::new("count of a known chain", events), |bencher| {
        let count = |mut model: Model| {
            for event in 0..events {
                model.apply(Event::Count(ChainKey(event % CHAINS), event));
            }
            model
        };
        bencher.iter_batched(knowing, count, BatchSize::PerIteration);
    });
    let steps = support::steps();
    group.bench_function(BenchmarkId::new("steps", events), |bencher| {
        let replay = |mut model: Model| {
            let events = usize::try_from(events).unwrap_or(usize::MAX);
            steps
                .iter()
                .cycle()
                .take(events)
                .for_each(|step| model.apply(step.clone()));
            model
        };
        bencher.iter_batched(Model::new, replay, BatchSize::PerIteration);
    });
    group.finish();
}

/// Each event a dependency never seen before.
fn new_chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("new chain");
    group.sample_size(10).warm_up_time(Duration::from_millis(100));
    for locks in [1_000, 10_000, 100_000] {
        let edges = support::acyclic(support::Shape::Layered, locks);
        let count = u64::try_from(edges.len()).unwrap_or(u64::MAX);
        group.throughput(Throughput::Elements(count));
        let chains = || {
            let numbered = (0u64..).zip(&edges);
            numbered
                .map(|(key, &(from, to))| support::chain(key, &[from], to))
                .collect::<Vec<_>>()
        };
        group.bench_function(BenchmarkId::new("layered", locks), |bencher| {
            let replay = |chains: Vec<Event>| {
                let mut model = Model::new();
                chains.into_iter().for_each(|chain| model.apply(chain));
                model
            };
            bencher.iter_batched(chains, replay, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, replay, new_chains);
criterion_main!(benches);
