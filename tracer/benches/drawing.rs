//! What it costs to draw a graph in character cells: of as many locks and dependencies as can still be read, and of as many as are ever drawn. One edge in twenty
//! leads back. One number is one edge.

mod support;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::Shape;
use tracer::tui::graph::{Charset, Edge, Graph, Node, draw};

/// Edges per node.
const DEGREE: usize = 5;

fn graph(shape: Shape, nodes: u32, count: usize) -> Graph {
    let mut edges = support::acyclic(shape, nodes);
    edges.truncate(count);
    let edge = |(index, (from, to)): (usize, (u32, u32))| {
        let is_back = index % 20 == 0;
        let (from, to) = if is_back { (to, from) } else { (from, to) };
        Edge {
            from: from as usize,
            to: to as usize,
            is_shared: index % 3 == 0,
            is_heavy: is_back,
            is_marked: index % 7 == 0,
        }
    };
    let node = |lock| Node {
        name: format!("lock_class_{lock}"),
        below: String::new(),
    };
    Graph {
        nodes: (0..nodes).map(node).collect(),
        edges: edges.into_iter().enumerate().map(edge).collect(),
    }
}

fn drawing(criterion: &mut Criterion) {
    for shape in Shape::ALL {
        let mut group = criterion.benchmark_group(format!("drawing, {}", shape.name()));
        group.sample_size(20).warm_up_time(Duration::from_millis(100));
        for nodes in [60, 200] {
            let graph = graph(shape, nodes, DEGREE * nodes as usize);
            let count = u64::try_from(graph.edges.len()).unwrap_or(u64::MAX);
            group.throughput(Throughput::Elements(count));
            group.bench_with_input(BenchmarkId::new("draw", nodes), &graph, |bencher, graph| {
                bencher.iter_with_large_drop(|| draw(graph, Charset::Unicode));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, drawing);
criterion_main!(benches);
