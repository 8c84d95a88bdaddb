//! Rules that cannot all be kept: `a` before `b`, `b` before `c`, `c` before `a`.

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};

use super::check::OrderRule;
use super::error::RuleError;

/// Refuses rules that contradict each other, also through several of them.
///
/// A rule leads to another when what the first wants taken later can be what the second wants taken earlier. A circle of such rules orders
/// a class before itself.
pub(super) fn refuse(rules: &[OrderRule]) -> Result<(), RuleError> {
    let graph = graph(rules);
    let mut circles: Vec<_> = tarjan_scc(&graph)
        .into_iter()
        .filter_map(|component| circle(&graph, component))
        .collect();
    circles.sort();
    let Some(circle) = circles.first() else { return Ok(()) };
    let involved: Vec<_> = circle.iter().filter_map(|node| rules.get(node.index())).collect();
    // The last one is the user's, and the one that was added to the others.
    let Some(last) = circle.iter().max().and_then(|node| rules.get(node.index())) else {
        return Ok(());
    };
    let message = if involved.len() == 1 {
        format!("rule \"{}\" wants a class before itself", last.name)
    } else {
        let names: Vec<_> = involved
            .iter()
            .map(|rule| format!("\"{}\" ({})", rule.name, rule.place))
            .collect();
        format!("these rules contradict each other: {}", names.join(", "))
    };
    let hint = "change or remove one of them; --rules none switches the built-in ones off";
    Err(RuleError::new(last.place.clone(), message, hint))
}

fn graph(rules: &[OrderRule]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let nodes: Vec<_> = rules.iter().map(|rule| (rule, graph.add_node(()))).collect();
    for (rule, node) in &nodes {
        for (next, target) in &nodes {
            let mut after = rule.after.iter();
            if after.any(|class| next.before.iter().any(|other| class.overlaps(other))) {
                graph.add_edge(*node, *target, ());
            }
        }
    }
    graph
}

/// A shortest circle through the first rule of a component, beginning with it; none when it leads nowhere.
fn circle(graph: &DiGraph<(), ()>, component: Vec<NodeIndex>) -> Option<Vec<NodeIndex>> {
    let first = component.into_iter().min()?;
    let back = graph.neighbors(first).filter_map(|next| {
        let (_, path) = astar(graph, next, |node| node == first, |_| 1u32, |_| 0)?;
        Some(path)
    });
    let mut path = back.min_by_key(|path| (path.len(), path.clone()))?;
    path.rotate_right(1);
    Some(path)
}
