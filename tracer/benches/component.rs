//! What a new dependency costs the search for cycles when it closes none: against a search after each dependency, and against
//! petgraph's `Acyclic`, which keeps an order by the algorithm of Pearce and Kelly. One number is one dependency.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use petgraph::acyclic::Acyclic;
use petgraph::algo::kosaraju_scc;
use petgraph::data::Build;
use petgraph::graph::{DiGraph, NodeIndex};
use support::Shape;
use tracer::analysis::component::{Change, Components};

fn components(edges: &[(u32, u32)]) -> Components {
    let mut components = Components::default();
    for &(from, to) in edges {
        assert_eq!(components.insert(from, to), Change::Open);
    }
    components
}

fn acyclic(locks: u32, edges: &[(u32, u32)]) -> Acyclic<DiGraph<(), ()>> {
    let mut graph = Acyclic::<DiGraph<(), ()>>::new();
    let nodes: Vec<NodeIndex> = (0..locks).map(|_| graph.add_node(())).collect();
    for &(from, to) in edges {
        let edge = graph.try_add_edge(nodes[from as usize], nodes[to as usize], ());
        assert!(edge.is_ok());
    }
    graph
}

/// The components of the whole graph after each edge.
fn search_again(locks: u32, edges: &[(u32, u32)]) -> usize {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = (0..locks).map(|_| graph.add_node(())).collect();
    let mut together = 0;
    for &(from, to) in edges {
        graph.add_edge(nodes[from as usize], nodes[to as usize], ());
        together += kosaraju_scc(&graph).iter().filter(|nodes| nodes.len() > 1).count();
    }
    together
}

fn new_dependency(criterion: &mut Criterion) {
    let largest = if support::long() { 6 } else { 5 };
    for shape in Shape::ALL {
        let mut group = criterion.benchmark_group(format!("new dependency, {}", shape.name()));
        group.sample_size(10).warm_up_time(Duration::from_millis(100));
        for locks in (3..=largest).map(|decade| 10u32.pow(decade)) {
            let edges = support::acyclic(shape, locks);
            let count = u64::try_from(edges.len()).unwrap_or(u64::MAX);
            group.throughput(Throughput::Elements(count));
            group.bench_with_input(BenchmarkId::new("components", locks), &edges, |bencher, edges| {
                bencher.iter_batched(|| (), |()| components(edges), BatchSize::PerIteration);
            });
            // Beyond these sizes they take minutes and hours.
            if locks <= 10_000 || (support::long() && locks <= 100_000) {
                group.bench_with_input(BenchmarkId::new("petgraph acyclic", locks), &edges, |bencher, edges| {
                    bencher.iter_batched(|| (), |()| acyclic(locks, edges), BatchSize::PerIteration);
                });
            }
            if locks <= 1_000 {
                group.bench_with_input(
                    BenchmarkId::new("search after each", locks),
                    &edges,
                    |bencher, edges| {
                        bencher.iter(|| black_box(search_again(locks, edges)));
                    },
                );
            }
        }
        group.finish();
    }
}

criterion_group!(benches, new_dependency);
criterion_main!(benches);
