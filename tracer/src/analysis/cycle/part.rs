//! A part of the order graph in which every node reaches every other: all that a cycle can be in.
//!
//! The nodes are numbered anew, in their order, so that the search has tables instead of maps. Parts come from the components that the
//! order graph keeps up to date. A part that some edges are left out of falls apart again; petgraph tells into which pieces, as it
//! does for graphs that are made at once.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use crate::analysis::component::Components;
use crate::analysis::level::Node;

/// No place in any part.
const NONE: u32 = u32::MAX;

/// Two nodes or more that all reach each other.
#[derive(Debug)]
pub(crate) struct Part {
    /// In order; the number of a node is its place in here.
    nodes: Vec<Node>,
    successors: Neighbours,
    predecessors: Neighbours,
}

impl Part {
    /// The cyclic components of a graph without the edges that are none here. The part with the smallest node first.
    pub(crate) fn of_components(components: &Components, is_edge: impl Fn(Node, Node) -> bool) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut places = vec![NONE; components.len()];
        for members in components.cyclic() {
            let mut nodes: Vec<_> = members.map(Node).collect();
            nodes.sort_unstable();
            set_places(&mut places, &nodes);
            let mut edges = Vec::new();
            let mut whole = true;
            for (place, &from) in (0u32..).zip(&nodes) {
                for &to in components.successors(from.0) {
                    if components.together(from.0, to) {
                        if is_edge(from, Node(to)) {
                            edges.push((place, place_of(&places, Node(to))));
                        } else {
                            whole = false;
                        }
                    }
                }
            }
            if whole {
                parts.push(Self::new(nodes, edges));
            } else {
                split(&nodes, &edges, &mut parts);
            }
        }
        parts.sort_unstable_by(|a, b| a.nodes.cmp(&b.nodes));
        parts
    }

    /// The parts of a graph with so many nodes. An edge may be there several times.
    pub(crate) fn of_edges(nodes: u32, edges: &[(u32, u32)]) -> Vec<Self> {
        let mut parts = Vec::new();
        split(&(0..nodes).map(Node).collect::<Vec<_>>(), edges, &mut parts);
        parts.sort_unstable_by(|a, b| a.nodes.cmp(&b.nodes));
        parts
    }

    fn new(nodes: Vec<Node>, mut edges: Vec<(u32, u32)>) -> Self {
        let successors = Neighbours::new(nodes.len(), &mut edges);
        for (from, to) in &mut edges {
            std::mem::swap(from, to);
        }
        let predecessors = Neighbours::new(nodes.len(), &mut edges);
        Self {
            nodes,
            successors,
            predecessors,
        }
    }

    /// Its nodes, in order.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Who is requested under whom.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (Node, Node)> {
        let numbered = (0u32..).zip(&self.nodes);
        numbered.flat_map(move |(number, &from)| self.successors(number).iter().map(move |&to| (from, self.node(to))))
    }

    /// The node with a number.
    pub(super) fn node(&self, number: u32) -> Node {
        self.nodes.get(number as usize).copied().unwrap_or(Node(NONE))
    }

    /// Who is requested under a node, the smallest first.
    pub(super) fn successors(&self, number: u32) -> &[u32] {
        self.successors.of(number)
    }

    /// Under whom it is requested, the smallest first.
    pub(super) fn predecessors(&self, number: u32) -> &[u32] {
        self.predecessors.of(number)
    }
}

/// Which part each node is in.
#[derive(Debug)]
pub(crate) struct Parts(Vec<u32>);

impl Parts {
    /// Of a graph with so many nodes.
    pub(crate) fn of(nodes: u32, parts: &[Part]) -> Self {
        let mut part_of = vec![NONE; nodes as usize];
        for (number, part) in (0u32..).zip(parts) {
            for node in part.nodes() {
                if let Some(of) = part_of.get_mut(node.0 as usize) {
                    *of = number;
                }
            }
        }
        Self(part_of)
    }

    /// Whether a dependency between two nodes is on a cycle.
    pub(crate) fn on_cycle(&self, from: u32, to: u32) -> bool {
        let part = place_of(&self.0, Node(from));
        from == to || (part != NONE && part == place_of(&self.0, Node(to)))
    }
}

fn set_places(places: &mut [u32], nodes: &[Node]) {
    for (place, node) in (0u32..).zip(nodes) {
        if let Some(known) = places.get_mut(node.0 as usize) {
            *known = place;
        }
    }
}

fn place_of(places: &[u32], node: Node) -> u32 {
    places.get(node.0 as usize).copied().unwrap_or(NONE)
}

/// Finds the parts of a graph whose edges are pairs of places in `nodes`.
fn split(nodes: &[Node], edges: &[(u32, u32)], parts: &mut Vec<Part>) {
    // kosaraju_scc() keeps its own stack; tarjan_scc() recurses and overflows on a chain of 10^6 locks.
    let graph: DiGraph<(), ()> = DiGraph::from_edges(edges);
    let mut together = kosaraju_scc(&graph);
    together.retain(|nodes| nodes.len() > 1);
    drop(graph);
    // Of each node: its piece, and its place in there.
    let mut pieces = vec![NONE; nodes.len()];
    let mut places = vec![NONE; nodes.len()];
    for (piece, members) in (0u32..).zip(&mut together) {
        members.sort_unstable();
        for (place, member) in (0u32..).zip(members) {
            if let (Some(of), Some(at)) = (pieces.get_mut(member.index()), places.get_mut(member.index())) {
                (*of, *at) = (piece, place);
            }
        }
    }
    let mut inner = vec![Vec::new(); together.len()];
    for &(from, to) in edges {
        let (piece, other) = (place_of(&pieces, Node(from)), place_of(&pieces, Node(to)));
        if piece == other
            && from != to
            && let Some(inner) = inner.get_mut(piece as usize)
        {
            inner.push((place_of(&places, Node(from)), place_of(&places, Node(to))));
        }
    }
    for (members, mut edges) in together.into_iter().zip(inner) {
        let members = members.iter().filter_map(|member| nodes.get(member.index()));
        edges.sort_unstable();
        edges.dedup();
        parts.push(Part::new(members.copied().collect(), edges));
    }
}

/// The neighbours of each node to one side, one after the other.
#[derive(Debug)]
struct Neighbours {
    /// Where those of each node begin; and where the last ones end.
    starts: Vec<usize>,
    all: Vec<u32>,
}

impl Neighbours {
    /// Sorts the edges.
    fn new(nodes: usize, edges: &mut [(u32, u32)]) -> Self {
        edges.sort_unstable();
        let mut starts = Vec::with_capacity(nodes + 1);
        for (place, &(from, _)) in edges.iter().enumerate() {
            starts.resize((from as usize + 1).max(starts.len()), place);
        }
        starts.resize(nodes + 1, edges.len());
        Self {
            starts,
            all: edges.iter().map(|&(_, to)| to).collect(),
        }
    }

    fn of(&self, node: u32) -> &[u32] {
        let at = |node: usize| self.starts.get(node).copied().unwrap_or(self.all.len());
        let (start, end) = (at(node as usize), at(node as usize + 1));
        self.all.get(start..end).unwrap_or(&[])
    }
}
