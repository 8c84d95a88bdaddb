//! In which rows of an item nets end: from top to bottom in the order of what they lead to, and in the middle of the item.

use std::cmp::Reverse;

use super::wiring::{Spot, Wiring};
use super::{Graph, Node, order};

/// Gives each end of a net its row. The result is how many rows each item has: room for its text, and for the nets that end at each of its sides.
pub(super) fn heights(wiring: &mut Wiring, graph: &Graph, rows: &[Vec<usize>]) -> Vec<usize> {
    let sides = sides(wiring, rows);
    let mut heights = vec![1; wiring.items.len()];
    for (height, node) in heights.iter_mut().zip(&graph.nodes) {
        *height = lines(node);
    }
    for (height, sides) in heights.iter_mut().zip(sides) {
        *height = sides.iter().map(Vec::len).fold(*height, usize::max);
        for ends in sides {
            let above = (*height - ends.len()) / 2;
            for (place, (net, number)) in ends.into_iter().enumerate() {
                if let Some(end) = wiring.nets[net].all_mut().nth(number)
                    && let Spot::Port { row, .. } = &mut end.spot
                {
                    *row = above + place;
                }
            }
        }
    }
    heights
}

/// Lines of text.
pub(super) fn lines(node: &Node) -> usize {
    1 + usize::from(!node.below.is_empty())
}

/// The ends of nets at each side of each item, in order: the net, and the number of the end.
fn sides(wiring: &Wiring, rows: &[Vec<usize>]) -> Vec<[Vec<(usize, usize)>; 2]> {
    let at = order::positions(rows, &wiring.items);
    let mut sides = vec![[Vec::new(), Vec::new()]; wiring.items.len()];
    for (index, net) in wiring.nets.iter().enumerate() {
        for (number, end) in net.all().enumerate() {
            let Some((item, _)) = end.port() else {
                continue;
            };
            let others = if number == 0 {
                &net.ends[..]
            } else {
                std::slice::from_ref(&net.hub)
            };
            let around: Vec<_> = others
                .iter()
                .filter_map(|other| other.port())
                .map(|(item, _)| item)
                .collect();
            let lane = others.iter().find_map(|other| match other.spot {
                Spot::Lane(lane) => Some(&wiring.lanes[lane]),
                Spot::Port { .. } => None,
            });
            // Lanes are beneath, the longest outermost.
            let kind = lane.map_or(0, |lane| 1 + usize::from(lane.node.is_some()));
            let depth = Reverse(lane.map_or(0, |lane| lane.depth));
            let key = (kind, depth, order::mean(&around, &at));
            sides[item][end.side as usize].push((key, (index, number)));
        }
    }
    let in_order = |mut ends: Vec<(_, _)>| {
        ends.sort_unstable();
        ends.into_iter().map(|(_, end)| end).collect()
    };
    sides.into_iter().map(|sides| sides.map(in_order)).collect()
}
