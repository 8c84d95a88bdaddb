//! Where the nodes of a small graph stand: in layers, so that most edges go from one layer to a later one, and close to those that they are connected to.

/// Rounds of ordering the layers by their neighbours; more change nothing in graphs that a person can read.
const ROUNDS: usize = 8;

/// A node's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) layer: usize,
    /// Centre, along the layer.
    pub(crate) x: i32,
}

/// Places of nodes by their sizes along the layer, and the length of the longest layer; between two nodes there is a gap.
pub(crate) fn places(edges: &[(usize, usize)], sizes: &[i32], gap: i32) -> (Vec<Place>, i32) {
    let layers = layers(edges, sizes.len());
    let count = layers.iter().max().map_or(0, |last| last + 1);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (node, &layer) in layers.iter().enumerate() {
        rows[layer].push(node);
    }
    let neighbours = neighbours(edges, sizes.len());
    let mut places = vec![Place::default(); sizes.len()];
    let length_of = |row: &[usize]| row.iter().map(|&node| sizes[node] + gap).sum::<i32>() - gap;
    let length = rows.iter().map(|row| length_of(row)).max().unwrap_or_default();
    for round in 0..=ROUNDS {
        for (layer, row) in rows.iter_mut().enumerate() {
            if round > 0 {
                row.sort_by_cached_key(|&node| (centre(&neighbours, &places, node), node));
            }
            let mut x = (length - length_of(row)) / 2;
            for &node in row.iter() {
                places[node] = Place {
                    layer,
                    x: x + sizes[node] / 2,
                };
                x += sizes[node] + gap;
            }
        }
    }
    (places, length)
}

/// The mean of a node's neighbours.
fn centre(neighbours: &[Vec<usize>], places: &[Place], node: usize) -> i32 {
    let around = &neighbours[node];
    let sum: i32 = around.iter().map(|&other| places[other].x).sum();
    match i32::try_from(around.len()) {
        Ok(count) if count > 0 => sum / count,
        _ => places[node].x,
    }
}

/// Who is at the other end of each node's edges; the node itself, of one that leads back to it.
fn neighbours(edges: &[(usize, usize)], count: usize) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); count];
    for &(from, to) in edges {
        neighbours[from].push(to);
        if from != to {
            neighbours[to].push(from);
        }
    }
    neighbours
}

/// Layers by the longest way, without the edges that lead back.
pub(crate) fn layers(edges: &[(usize, usize)], count: usize) -> Vec<usize> {
    let mut after = vec![Vec::new(); count];
    for &(from, to) in edges {
        after[from].push(to);
    }
    let mut search = Search {
        after: &after,
        state: vec![State::New; count],
        done: Vec::new(),
        on: vec![Vec::new(); count],
    };
    for node in 0..count {
        search.visit(node);
    }
    let mut layers = vec![0; count];
    for &node in search.done.iter().rev() {
        for &to in &search.on[node] {
            layers[to] = layers[to].max(layers[node] + 1);
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
    /// Where the edges of each node lead to.
    after: &'a [Vec<usize>],
    state: Vec<State>,
    /// Nodes in the order in which they were left.
    done: Vec<usize>,
    /// The same as `after`, without those that lead back.
    on: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, start: usize) {
        if self.state[start] != State::New {
            return;
        }
        self.state[start] = State::Open;
        let mut path = vec![(start, 0)];
        while let Some(&mut (node, ref mut next)) = path.last_mut() {
            let Some(&to) = self.after[node].get(*next) else {
                self.state[node] = State::Done;
                self.done.push(node);
                path.pop();
                continue;
            };
            *next += 1;
            if self.state[to] != State::Open {
                self.on[node].push(to);
            }
            if self.state[to] == State::New {
                self.state[to] = State::Open;
                path.push((to, 0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_has_one_edge_that_leads_back() {
        assert_eq!(layers(&[(0, 1), (1, 2), (2, 3), (3, 0), (1, 1)], 4), [0, 1, 2, 3]);
    }

    #[test]
    fn nodes_of_a_layer_do_not_overlap() {
        let (places, length) = places(&[(0, 1), (0, 2), (0, 3), (0, 4)], &[100; 5], 48);
        let mut row: Vec<_> = places
            .iter()
            .filter(|place| place.layer == 1)
            .map(|place| place.x)
            .collect();
        row.sort_unstable();
        assert!(row.windows(2).all(|pair| pair[1] - pair[0] >= 100));
        assert_eq!(length, 400 + 3 * 48);
        assert_eq!(places[0].x, length / 2);
    }
}
