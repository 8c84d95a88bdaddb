//! Against petgraph, edge by edge.

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use proptest::prelude::*;

use super::*;

/// Components of two nodes and more, each sorted, sorted.
fn cyclic(components: &Components) -> Vec<Vec<u32>> {
    sorted(components.cyclic().map(Iterator::collect))
}

fn sorted(sets: impl Iterator<Item = Vec<u32>>) -> Vec<Vec<u32>> {
    let mut sets: Vec<_> = sets
        .map(|mut set| {
            set.sort_unstable();
            set
        })
        .collect();
    sets.sort_unstable();
    sets
}

/// Every edge between components goes along the order, and the list and the labels tell the same order.
fn in_order(components: &Components) {
    let nodes = &components.nodes;
    let at = |node: u32| nodes[nodes[node].component].label;
    for node in 0..=u32::try_from(nodes.iter().count()).expect("small") {
        for &next in components.successors(node) {
            assert!(
                components.together(node, next) || at(node) < at(next),
                "{node} -> {next}"
            );
        }
    }
    let placed = (0u32..)
        .zip(nodes.iter())
        .filter(|(number, node)| node.placed && node.component == *number);
    let mut by_label: Vec<_> = placed.map(|(number, node)| (node.label, number)).collect();
    by_label.sort_unstable();
    assert_eq!(
        components.order.list(nodes),
        by_label.iter().map(|&(_, number)| number).collect::<Vec<_>>()
    );
    assert!(nodes.iter().all(|node| node.seen == 0));
}

/// Inserts edges and compares with petgraph after each.
fn same_as_petgraph(edges: &[(u32, u32)]) {
    let mut components = Components::default();
    let mut graph = DiGraphMap::<u32, ()>::new();
    let mut before = Vec::new();
    for &(from, to) in edges {
        let together = components.together(from, to);
        let change = components.insert(from, to);
        graph.add_edge(from, to, ());
        let wanted = sorted(tarjan_scc(&graph).into_iter().filter(|set| set.len() > 1));
        assert_eq!(cyclic(&components), wanted, "after {from} -> {to} of {edges:?}");
        let expected = match (from == to, together, wanted == before) {
            (true, ..) => Change::Open,
            (_, true, _) => Change::Inside(components.of(from)),
            (_, _, false) => Change::Merged(components.of(from)),
            _ => Change::Open,
        };
        assert_eq!(change, expected, "{from} -> {to} of {edges:?}");
        in_order(&components);
        before = wanted;
    }
    for node in 0..40 {
        let leads = |(from, to): &&(u32, u32)| *from == node && from != to;
        let comes = |(from, to): &&(u32, u32)| *to == node && from != to;
        let after: Vec<_> = edges.iter().filter(leads).map(|&(_, to)| to).collect();
        let earlier: Vec<_> = edges.iter().filter(comes).map(|&(from, _)| from).collect();
        assert_eq!(components.successors(node), after);
        assert_eq!(components.predecessors(node), earlier);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_graph(edges in (2u32..40).prop_flat_map(|nodes| prop::collection::vec((0..nodes, 0..nodes), 0..120))) {
        same_as_petgraph(&edges);
    }

    /// Few of its edges close a cycle, so the components stay many.
    #[test]
    fn nearly_acyclic(
        edges in prop::collection::vec((0u32..40, 0u32..40, 0u32..40), 0..120),
        hidden in Just((0u32..40).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let edges: Vec<_> = edges
            .into_iter()
            .map(|(a, b, up)| if up == 0 { (a.max(b), a.min(b)) } else { (a.min(b), a.max(b)) })
            .map(|(from, to)| (hidden[from as usize], hidden[to as usize]))
            .collect();
        same_as_petgraph(&edges);
    }
}
