//! What a snapshot costs: a graph without cycles, the same with a few, then with these among all its classes, and, to compare, petgraph's search of the whole graph for its components,
//! which every snapshot began with before the components were kept up to date. One number is one dependency.

mod support;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;
use support::Shape;
use tracer::analysis::context::Context;

/// Cycles of two to five locks.
const CYCLES: u32 = 20;

fn snapshot(criterion: &mut Criterion) {
    let largest = if support::long() { 5 } else { 4 };
    let context = Context::default();
    let mut group = criterion.benchmark_group("snapshot");
    group.sample_size(10).warm_up_time(Duration::from_millis(100));
    for locks in (3..=largest).map(|decade| 10u32.pow(decade)) {
        let mut edges = support::acyclic(Shape::Layered, locks);
        group.throughput(Throughput::Elements(u64::try_from(edges.len()).unwrap_or(u64::MAX)));
        let without = support::model(locks, locks, &edges);
        group.bench_function(BenchmarkId::new("no cycle", locks), |bencher| {
            bencher.iter_with_large_drop(|| without.snapshot(&context));
        });
        drop(without);
        edges.extend(support::cycles(locks, CYCLES));
        let all = locks + CYCLES * 6;
        // In the second, every class is on a cycle with every other.
        for (what, layered) in [("some cycles", locks), ("all classes on cycles", all)] {
            let with = support::model(layered, all, &edges);
            group.bench_function(BenchmarkId::new(what, locks), |bencher| {
                bencher.iter_with_large_drop(|| with.snapshot(&context));
            });
        }
        group.bench_function(BenchmarkId::new("petgraph on the whole graph", locks), |bencher| {
            bencher.iter_with_large_drop(|| {
                let graph: DiGraphMap<u32, ()> = edges.iter().map(|&(from, to)| (from, to, ())).collect();
                kosaraju_scc(&graph)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
