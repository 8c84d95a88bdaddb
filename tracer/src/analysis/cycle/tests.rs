//! Which cycles are found, and that parts are what petgraph says they are.

use std::collections::BTreeSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;
use proptest::prelude::*;

use super::*;
use crate::analysis::component::Components;

/// The cycles among nodes by number.
fn cycles(edges: &[(u32, u32)]) -> (Vec<Vec<u32>>, u64) {
    let mut components = Components::default();
    for &(from, to) in edges {
        components.insert(from, to);
    }
    let cycles = find(&Part::of_components(&components, |_, _| true), |_, _, _| true);
    let numbers = |cycle: &Vec<Node>| cycle.iter().map(|node| node.0).collect();
    (cycles.found.iter().map(numbers).collect(), cycles.unfinished)
}

#[test]
fn all_elementary_cycles_shortest_first() {
    let edges = [(0, 1), (1, 0), (1, 2), (2, 0), (2, 3), (3, 1), (4, 0), (5, 6), (6, 5)];
    let found = vec![vec![0, 1], vec![5, 6], vec![0, 1, 2], vec![1, 2, 3]];
    assert_eq!(cycles(&edges), (found, 0));
    assert_eq!(cycles(&[(0, 1), (1, 2), (0, 2)]), (vec![], 0));
}

#[test]
fn a_complete_graph_has_as_many_as_it_must() {
    let edges: Vec<_> = (0..5)
        .flat_map(|from| (0..5).map(move |to| (from, to)))
        .filter(|(a, b)| a != b)
        .collect();
    let (found, unfinished) = cycles(&edges);
    // 10 of two locks, 20 of three, 30 of four, 24 of five.
    assert_eq!((found.len(), unfinished), (84, 0));
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), 84);
}

#[test]
fn what_was_not_searched_is_told() {
    let edges: Vec<_> = (0..40)
        .flat_map(|from| (0..40).map(move |to| (from, to)))
        .filter(|(a, b)| a != b)
        .collect();
    let (found, unfinished) = cycles(&edges);
    assert_eq!((found.len(), unfinished), (MAX_CYCLES, 1));
    assert!(
        found.iter().take(780).all(|cycle| cycle.len() == 2),
        "the shortest first"
    );
}

#[test]
fn very_long_cycles_are_kept_until_they_have_too_many_sides() {
    // A ring with two ways round at each of ten places: 1024 cycles of 1000 locks and more.
    let ring = (0..1000).map(|lock| (lock, (lock + 1) % 1000));
    let detours = (0..10).flat_map(|place| [(place * 100, 1000 + place), (1000 + place, place * 100 + 1)]);
    let (found, unfinished) = cycles(&ring.chain(detours).collect::<Vec<_>>());
    assert_eq!((found.len(), unfinished), (MAX_SIDES / 1000 + 1, 1));
    let longest = u32::try_from(MAX_SIDES + 10).expect("small");
    let ring: Vec<_> = (0..longest).map(|lock| (lock, (lock + 1) % longest)).collect();
    let (found, unfinished) = cycles(&ring);
    assert_eq!((found.len(), unfinished), (1, 0), "one is kept however long it is");
}

#[test]
fn a_long_cycle_is_found_whole() {
    let edges: Vec<_> = (0..100).map(|lock| (lock, (lock + 1) % 100)).collect();
    assert_eq!(cycles(&edges), (vec![(0..100).collect()], 0));
}

/// What petgraph makes of the edges that are not left out: the components of two nodes and more, in order.
fn by_petgraph(edges: &BTreeSet<(u32, u32)>) -> Vec<Vec<u32>> {
    let graph: DiGraphMap<u32, ()> = edges.iter().map(|&(from, to)| (from, to, ())).collect();
    let mut together = kosaraju_scc(&graph);
    together.retain(|nodes| nodes.len() > 1);
    together.iter_mut().for_each(|nodes| nodes.sort_unstable());
    together.sort_unstable();
    together
}

fn numbers(nodes: &[Node]) -> Vec<u32> {
    nodes.iter().map(|node| node.0).collect()
}

proptest! {
    /// Parts kept up to date, with edges left out later, and parts made at once are those of petgraph, edges and all.
    #[test]
    fn parts_are_components(
        edges in prop::collection::btree_set((0u32..24, 0u32..24), 0..60),
        left_out in prop::collection::btree_set((0u32..24, 0u32..24), 0..200),
    ) {
        let rest: BTreeSet<_> = edges.difference(&left_out).copied().collect();
        let mut components = Components::default();
        for &(from, to) in edges.iter().rev() {
            components.insert(from, to);
        }
        let kept = Part::of_components(&components, |from, to| !left_out.contains(&(from.0, to.0)));
        let twice: Vec<_> = rest.iter().chain(&rest).copied().collect();
        let wanted = by_petgraph(&rest);
        for parts in [&kept, &Part::of_edges(24, &twice)] {
            prop_assert_eq!(parts.iter().map(|part| numbers(part.nodes())).collect::<Vec<_>>(), wanted.clone());
            for part in parts {
                for (place, &from) in (0u32..).zip(part.nodes()) {
                    let to = |&place: &u32| part.node(place);
                    let after: Vec<_> = part.successors(place).iter().map(to).collect();
                    let before: Vec<_> = part.predecessors(place).iter().map(to).collect();
                    let others = || part.nodes().iter().filter(|&&other| other != from);
                    let requested = others().filter(|other| rest.contains(&(from.0, other.0)));
                    let held = others().filter(|other| rest.contains(&(other.0, from.0)));
                    prop_assert_eq!(after, requested.copied().collect::<Vec<_>>());
                    prop_assert_eq!(before, held.copied().collect::<Vec<_>>());
                }
            }
        }
    }
}
