//! Where the nodes of a small graph stand: in layers, so that most edges go down, and close to those that they are connected to.

use super::Graph;

/// Rounds of ordering the layers by their neighbours; more change nothing in graphs that a person can read.
const ROUNDS: usize = 8;

/// Pixels between two nodes of a layer.
const GAP: i32 = 48;

/// A node's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::report) struct Place {
    pub(in crate::report) layer: usize,
    /// Centre.
    pub(in crate::report) x: i32,
}

/// Places by index, and the width of it all.
pub(in crate::report) fn places(graph: &Graph, widths: &[i32]) -> (Vec<Place>, i32) {
    let layers = layers(graph);
    let count = layers.iter().max().map_or(0, |last| last + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (node, &layer) in layers.iter().enumerate() {
        rows[layer].push(node);
    }
    let mut places = vec![Place::default(); graph.nodes.len()];
    let width_of = |row: &[usize]| row.iter().map(|&node| widths[node] + GAP).sum::<i32>() - GAP;
    let width = rows.iter().map(|row| width_of(row)).max().unwrap_or_default();
    for round in 0..=ROUNDS {
        for (layer, row) in rows.iter_mut().enumerate() {
            if round > 0 {
                row.sort_by_key(|&node| (centre(graph, &places, node), node));
            }
            let mut x = (width - width_of(row)) / 2;
            for &node in row.iter() {
                places[node] = Place {
                    layer,
                    x: x + widths[node] / 2,
                };
                x += widths[node] + GAP;
            }
        }
    }
    (places, width)
}

/// The mean of a node's neighbours.
fn centre(graph: &Graph, places: &[Place], node: usize) -> i32 {
    let neighbours = graph
        .edges
        .iter()
        .filter_map(|edge| match (edge.from == node, edge.to == node) {
            (true, false) => Some(places[edge.to].x),
            (false, true) => Some(places[edge.from].x),
            _ => None,
        });
    let neighbours: Vec<_> = neighbours.collect();
    let count = i32::try_from(neighbours.len()).unwrap_or(i32::MAX);
    if count == 0 {
        places[node].x
    } else {
        neighbours.iter().sum::<i32>() / count
    }
}

/// Layers by the longest way down, without the edges that lead back.
fn layers(graph: &Graph) -> Vec<usize> {
    let mut search = Search {
        graph,
        state: vec![State::New; graph.nodes.len()],
        done: Vec::new(),
        back: vec![false; graph.edges.len()],
    };
    for node in 0..graph.nodes.len() {
        search.visit(node);
    }
    let mut layers = vec![0; graph.nodes.len()];
    for &node in search.done.iter().rev() {
        for (edge, _) in graph
            .edges
            .iter()
            .zip(&search.back)
            .filter(|(edge, back)| edge.from == node && !**back)
        {
            layers[edge.to] = layers[edge.to].max(layers[node] + 1);
        }
    }
    layers
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// A depth-first search without recursion: a chain of locks can be long.
struct Search<'a> {
    graph: &'a Graph,
    state: Vec<State>,
    /// Nodes in the order in which they were left.
    done: Vec<usize>,
    back: Vec<bool>,
}

impl Search<'_> {
    fn visit(&mut self, start: usize) {
        if self.state[start] != State::New {
            return;
        }
        self.state[start] = State::Open;
        let mut path = vec![(start, 0)];
        while let Some(&mut (node, ref mut next)) = path.last_mut() {
            let edge = self
                .graph
                .edges
                .iter()
                .enumerate()
                .skip(*next)
                .find(|(_, edge)| edge.from == node);
            let Some((number, edge)) = edge else {
                self.state[node] = State::Done;
                self.done.push(node);
                path.pop();
                continue;
            };
            *next = number + 1;
            match self.state[edge.to] {
                State::New => {
                    self.state[edge.to] = State::Open;
                    path.push((edge.to, 0));
                }
                State::Open => self.back[number] = true,
                State::Done => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Edge, Node};
    use super::*;

    fn graph(nodes: u32, edges: &[(usize, usize)]) -> Graph {
        let node = |id| Node {
            id,
            name: id.to_string(),
            class: None,
        };
        let edge = |&(from, to)| Edge {
            from,
            to,
            modes: String::new(),
            findings: Vec::new(),
            severity: None,
            places: Vec::new(),
        };
        Graph {
            nodes: (0..nodes).map(node).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    #[test]
    fn a_circle_has_one_edge_that_leads_back() {
        let graph = graph(4, &[(0, 1), (1, 2), (2, 3), (3, 0), (1, 1)]);
        let layers: Vec<_> = places(&graph, &[10; 4]).0.iter().map(|place| place.layer).collect();
        assert_eq!(layers, [0, 1, 2, 3]);
    }

    #[test]
    fn nodes_of_a_layer_do_not_overlap() {
        let graph = graph(5, &[(0, 1), (0, 2), (0, 3), (0, 4)]);
        let (places, width) = places(&graph, &[100; 5]);
        let mut row: Vec<_> = places
            .iter()
            .filter(|place| place.layer == 1)
            .map(|place| place.x)
            .collect();
        row.sort_unstable();
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] >= 100));
        assert_eq!(width, 400 + 3 * GAP);
        assert_eq!(places[0].x, width / 2);
    }
}
