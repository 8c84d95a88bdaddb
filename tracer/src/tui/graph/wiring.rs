//! What is connected with what, in which space between two layers, before anything has a place.
//!
//! An edge over several layers passes those between by *bends*, which it has in common with all edges of its source that are drawn alike. In the space before
//! a layer, connections with the same source or the same target are one *net*: one line out of the box, or one arrow head into it. An edge that
//! leads back goes by a *lane* beneath all nodes, or beneath its own node, which it has in common with all that lead back to the same target.

use std::cmp::Reverse;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::{Edge, Graph};
use crate::report::graph::layout::layers;

/// How a line is drawn; ordered by importance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Style {
    pub(super) is_heavy: bool,
    pub(super) is_exclusive: bool,
}

impl Style {
    fn of(edge: &Edge) -> Self {
        Self {
            is_heavy: edge.is_heavy,
            is_exclusive: !edge.is_shared,
        }
    }
}

/// What stands in a layer: a node, which has the same index, or a bend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) layer: usize,
    pub(super) is_node: bool,
}

/// Where a net ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// At an item, so many rows below its top.
    Port {
        item: usize,
        row: usize,
    },
    Lane(usize),
}

/// From where a net's end comes into the space before a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// An end of a net.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) spot: Spot,
    pub(super) side: Side,
    /// The most important edge of those that run here.
    pub(super) edge: usize,
}

impl End {
    /// The item that it is at, and the row of that.
    pub(super) fn port(&self) -> Option<(usize, usize)> {
        match self.spot {
            Spot::Port { item, row } => Some((item, row)),
            Spot::Lane(_) => None,
        }
    }
}

/// One end that all others are connected with.
#[derive(Clone, Debug)]
pub(super) struct Net {
    /// The layer that the net is before.
    pub(super) layer: usize,
    pub(super) style: Style,
    pub(super) hub: End,
    pub(super) ends: Vec<End>,
}

impl Net {
    /// All ends, the hub first.
    pub(super) fn all(&self) -> impl Iterator<Item = &End> {
        std::iter::once(&self.hub).chain(&self.ends)
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut End> {
        std::iter::once(&mut self.hub).chain(&mut self.ends)
    }
}

/// A row that leads back.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) style: Style,
    /// The only node that it is beneath, if it is one that leads to itself.
    pub(super) node: Option<usize>,
    /// The net by which it gets to its target, and those that lead into it.
    pub(super) arrival: usize,
    pub(super) sources: Vec<usize>,
    /// The layers that it is beneath, both included.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Lanes above it.
    pub(super) depth: usize,
}

/// Where an edge is on its own: at this end of this net; the hub is end 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) edge: usize,
    pub(super) net: usize,
    pub(super) end: usize,
}

/// The connections of a graph.
#[derive(Debug, Default)]
pub(super) struct Wiring {
    pub(super) items: Vec<Item>,
    pub(super) nets: Vec<Net>,
    pub(super) lanes: Vec<Lane>,
    pub(super) tags: Vec<Tag>,
    /// All layers.
    pub(super) count: usize,
}

/// A connection between an item and one of the next layer.
struct Hop {
    from: usize,
    to: usize,
    style: Style,
    /// The edges that end with it, or the most important of those that go on.
    edges: Vec<usize>,
}

impl Wiring {
    pub(super) fn of(graph: &Graph) -> Self {
        let count = graph.nodes.len();
        let edges = graph.edges.iter().enumerate();
        let mut edges: Vec<_> = edges.filter(|(_, edge)| edge.from < count && edge.to < count).collect();
        let pairs: Vec<_> = edges.iter().map(|(_, edge)| (edge.from, edge.to)).collect();
        let layers = layers(&pairs, count);
        let mut wiring = Self {
            items: layers.iter().map(|&layer| Item { layer, is_node: true }).collect(),
            count: layers.iter().max().map_or(0, |last| last + 1),
            ..Self::default()
        };
        // The most important edge of a group is its first.
        edges.sort_by_key(|(_, edge)| !edge.is_marked);
        let mut onward: IndexMap<_, Vec<usize>> = IndexMap::new();
        let mut back: IndexMap<_, Vec<usize>> = IndexMap::new();
        for (index, edge) in edges {
            if layers[edge.to] > layers[edge.from] {
                onward.entry((edge.from, Style::of(edge))).or_default().push(index);
            } else {
                let to_itself = (edge.from == edge.to).then_some(edge.to);
                back.entry((edge.to, to_itself, Style::of(edge)))
                    .or_default()
                    .push(index);
            }
        }
        let mut hops = Vec::new();
        for ((from, style), edges) in onward {
            wiring.bend(graph, from, style, &edges, &mut hops);
        }
        wiring.join(&hops);
        for ((to, node, style), edges) in back {
            wiring.lead_back(graph, to, node, style, &edges);
        }
        wiring.nest();
        wiring
    }

    /// The hops of the edges of one source, layer by layer.
    fn bend(&mut self, graph: &Graph, source: usize, style: Style, edges: &[usize], hops: &mut Vec<Hop>) {
        let mut rest = edges.to_vec();
        let mut from = source;
        while !rest.is_empty() {
            let layer = self.items[from].layer + 1;
            let is_here = |edge: &usize| self.items[graph.edges[*edge].to].layer == layer;
            let (here, beyond): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_here);
            let mut targets: IndexMap<usize, Vec<usize>> = IndexMap::new();
            for edge in here {
                targets.entry(graph.edges[edge].to).or_default().push(edge);
            }
            let mut hop = |from, to, edges| hops.push(Hop { from, to, style, edges });
            for (to, edges) in targets {
                hop(from, to, edges);
            }
            if let Some(&first) = beyond.first() {
                let bend = self.items.len();
                self.items.push(Item { layer, is_node: false });
                hop(from, bend, vec![first]);
                from = bend;
            }
            rest = beyond;
        }
    }

    /// Nets of hops: around the source or the target, whichever has more of them.
    fn join(&mut self, hops: &[Hop]) {
        let mut out: FxHashMap<_, usize> = FxHashMap::default();
        let mut into: FxHashMap<_, usize> = FxHashMap::default();
        for hop in hops {
            *out.entry((hop.from, hop.style)).or_default() += 1;
            *into.entry((hop.to, hop.style)).or_default() += 1;
        }
        let mut nets: FxHashMap<_, usize> = FxHashMap::default();
        for hop in hops {
            let (out, into) = (out[&(hop.from, hop.style)], into[&(hop.to, hop.style)]);
            let (from, to) = (self.items[hop.from], self.items[hop.to]);
            // A bend is one row: all that leaves it is one net.
            let is_at_target = into > out && to.is_node && (from.is_node || out == 1);
            let end = |item, side| End {
                spot: Spot::Port { item, row: 0 },
                side,
                edge: hop.edges[0],
            };
            let (from, end_at) = (end(hop.from, Side::Left), end(hop.to, Side::Right));
            let (center, hub, end) = if is_at_target {
                (hop.to, end_at, from)
            } else {
                (hop.from, from, end_at)
            };
            let net = *nets.entry((center, is_at_target, hop.style)).or_insert_with(|| {
                self.nets.push(Net {
                    layer: to.layer,
                    style: hop.style,
                    hub,
                    ends: Vec::new(),
                });
                self.nets.len() - 1
            });
            self.nets[net].ends.push(end);
            if to.is_node {
                let end = self.nets[net].ends.len();
                self.tags.extend(hop.edges.iter().map(|&edge| Tag { edge, net, end }));
            }
        }
    }

    /// The nets to a lane and from it.
    fn lead_back(&mut self, graph: &Graph, to: usize, node: Option<usize>, style: Style, edges: &[usize]) {
        let mut sources: IndexMap<usize, Vec<usize>> = IndexMap::new();
        for &edge in edges {
            sources.entry(graph.edges[edge].from).or_default().push(edge);
        }
        let lane = self.lanes.len();
        let net = |item, layer, side, edge| {
            let end = |spot| End { spot, side, edge };
            Net {
                layer,
                style,
                hub: end(Spot::Port { item, row: 0 }),
                ends: vec![end(Spot::Lane(lane))],
            }
        };
        let first = self.items[to].layer;
        let arrival = self.nets.len();
        self.nets.push(net(to, first, Side::Right, edges[0]));
        let mut last = first;
        for (&from, edges) in &sources {
            let layer = self.items[from].layer;
            last = last.max(layer);
            let tag = |&edge| Tag {
                edge,
                net: self.nets.len(),
                end: 0,
            };
            self.tags.extend(edges.iter().map(tag));
            self.nets.push(net(from, layer + 1, Side::Left, edges[0]));
        }
        self.lanes.push(Lane {
            style,
            node,
            arrival,
            sources: (arrival + 1..self.nets.len()).collect(),
            from: first,
            to: last,
            depth: 0,
        });
    }

    /// Short lanes above long ones, and no two in the same place.
    fn nest(&mut self) {
        let mut order: Vec<_> = (0..self.lanes.len()).collect();
        order.sort_by_key(|&lane| (self.lanes[lane].to - self.lanes[lane].from, Reverse(lane)));
        // Lanes so far beneath each space, or each node.
        let mut spaces = vec![0; self.count + 1];
        let mut nodes = vec![0; self.items.len()];
        for lane in order {
            let lane = &mut self.lanes[lane];
            let taken = match lane.node {
                Some(node) => &mut nodes[node..=node],
                None => &mut spaces[lane.from..=lane.to + 1],
            };
            lane.depth = taken.iter().copied().max().unwrap_or_default();
            taken.fill(lane.depth + 1);
        }
    }
}
