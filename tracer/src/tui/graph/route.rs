//! Where nodes stand and edges run: layers of nodes, and between two layers a channel in which edges go up and down, each on a track of its own.
//!
//! An edge that spans several layers has a place in each of those between. One that leads back goes down in the channel behind its node, along a lane below
//! everything, and up in the channel before the node that it leads to. Edges share a track or a lane only where they come from one node or go to one.

use std::collections::BTreeMap;

use super::Place;
use crate::report::graph::layout;

/// Where everything is.
#[derive(Debug, Default)]
pub(super) struct Route {
    pub(super) places: Vec<Place>,
    /// The corners of each edge, from the cell behind its node to the arrow before the other: columns and rows.
    pub(super) ways: Vec<Vec<(usize, usize)>>,
    /// Where lanes end: what runs there goes to the left.
    pub(super) turns: Vec<(usize, usize)>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Columns of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// Of its name: edges begin behind it.
    pub(super) name: usize,
    /// Of all of it.
    pub(super) all: usize,
}

/// What stands in a layer: a node, or the place of an edge that passes through.
type Stand = usize;

/// A track of a channel: of what goes out of a stand of the layer before, or of what leads back into one of the layer behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Track {
    Out(Stand),
    Back(Stand),
}

/// Everything by stands: nodes first, then the places in between.
struct Plan<'a> {
    /// Columns of each node.
    sizes: &'a [Size],
    /// Layer of each stand.
    layers: Vec<usize>,
    /// Row of each stand.
    rows: Vec<usize>,
    /// The stands of each edge, both ends included; of one that leads back, its ends alone.
    paths: Vec<Vec<Stand>>,
    is_back: Vec<bool>,
    /// Of each channel: where its tracks are, from the left.
    tracks: Vec<BTreeMap<Track, usize>>,
    /// First column of each layer.
    columns: Vec<usize>,
    /// Rows of the lanes, by the node that they lead to.
    lanes: BTreeMap<Stand, usize>,
    width: usize,
    height: usize,
}

/// Where nodes of so many columns and lines are, and the edges between them.
pub(super) fn of(edges: &[(usize, usize)], sizes: &[Size], lines: usize) -> Route {
    if sizes.is_empty() {
        return Route::default();
    }
    let mut plan = Plan::new(edges, sizes);
    plan.stand(lines);
    plan.lay_tracks();
    plan.measure();
    let place = |node: usize| Place {
        x: plan.columns[plan.layers[node]],
        y: plan.rows[node],
        width: sizes[node].all,
        height: lines,
    };
    Route {
        places: (0..sizes.len()).map(place).collect(),
        ways: (0..edges.len()).map(|edge| plan.way(edge)).collect(),
        turns: plan.turns(),
        width: plan.width,
        height: plan.height,
    }
}

impl<'a> Plan<'a> {
    fn new(edges: &[(usize, usize)], sizes: &'a [Size]) -> Self {
        let mut layers = layout::layers(edges, sizes.len());
        let is_back: Vec<_> = edges.iter().map(|&(from, to)| layers[to] <= layers[from]).collect();
        let mut paths = Vec::new();
        for (&(from, to), &is_back) in edges.iter().zip(&is_back) {
            let mut path = vec![from];
            if !is_back {
                for layer in layers[from] + 1..layers[to] {
                    path.push(layers.len());
                    layers.push(layer);
                }
            }
            path.push(to);
            paths.push(path);
        }
        Self {
            sizes,
            rows: vec![0; layers.len()],
            layers,
            paths,
            is_back,
            tracks: Vec::new(),
            columns: Vec::new(),
            lanes: BTreeMap::new(),
            width: 0,
            height: 0,
        }
    }

    /// Steps between neighbouring layers: of edges that lead on.
    fn steps(&self) -> Vec<(Stand, Stand)> {
        let on = self.paths.iter().zip(&self.is_back).filter(|(_, is_back)| !**is_back);
        on.flat_map(|(path, _)| path.windows(2).map(|step| (step[0], step[1])))
            .collect()
    }

    /// Each stand gets its row.
    fn stand(&mut self, lines: usize) {
        // Two units a stand, so that a layer can be half a stand off the next one.
        let (places, _) = layout::places(&self.steps(), &vec![2; self.layers.len()], 0);
        for (row, place) in self.rows.iter_mut().zip(&places) {
            *row = usize::try_from(place.x - 1).unwrap_or_default() * (lines + 1) / 2;
        }
        let rows = self.rows.iter().max().copied().unwrap_or_default();
        self.height = rows + lines;
    }

    fn lay_tracks(&mut self) {
        let last = self.layers.iter().max().copied().unwrap_or_default();
        let mut tracks = vec![BTreeMap::new(); last + 2];
        for (from, to) in self.steps() {
            if self.rows[from] != self.rows[to] {
                tracks[self.layers[from] + 1].insert(Track::Out(from), 0);
            }
        }
        for (path, _) in self.paths.iter().zip(&self.is_back).filter(|(_, is_back)| **is_back) {
            let (from, to) = (path[0], path[1]);
            tracks[self.layers[from] + 1].insert(Track::Out(from), 0);
            tracks[self.layers[to]].insert(Track::Back(to), 0);
            let lane = self.height + 1 + self.lanes.len();
            self.lanes.entry(to).or_insert(lane);
        }
        self.tracks = tracks;
    }

    fn measure(&mut self) {
        let last = self.tracks.len() - 2;
        let mut column = 0;
        for (channel, tracks) in self.tracks.iter_mut().enumerate() {
            // Lines are drawn from the cell behind a node; in front of the next one there is an arrow.
            if channel > 0 {
                column += 1;
            }
            for place in tracks.values_mut() {
                *place = column;
                column += 2;
            }
            if channel > last {
                break;
            }
            column += 2;
            self.columns.push(column);
            let nodes = (0..self.sizes.len()).filter(|&node| self.layers[node] == channel);
            column += nodes.map(|node| self.sizes[node].all).max().unwrap_or(1);
        }
        self.width = column + 1;
        self.height = self.lanes.values().max().map_or(self.height, |lane| lane + 1);
    }

    /// The cell behind a stand: a node ends where its name does.
    fn behind(&self, stand: Stand) -> usize {
        let column = self.columns[self.layers[stand]];
        self.sizes.get(stand).map_or(column, |size| column + size.name)
    }

    /// The cell before a stand.
    fn before(&self, stand: Stand) -> usize {
        self.columns[self.layers[stand]] - 1
    }

    /// Behind the corners where lanes go up.
    fn turns(&self) -> Vec<(usize, usize)> {
        let turns = self.lanes.iter().map(|(&to, &lane)| {
            let up = self.tracks[self.layers[to]][&Track::Back(to)];
            (up + 1, lane)
        });
        turns.collect()
    }

    /// The corners of an edge.
    fn way(&self, edge: usize) -> Vec<(usize, usize)> {
        let path = &self.paths[edge];
        let mut way = vec![(self.behind(path[0]), self.rows[path[0]])];
        if self.is_back[edge] {
            let (from, to) = (path[0], path[1]);
            let down = self.tracks[self.layers[from] + 1][&Track::Out(from)];
            let up = self.tracks[self.layers[to]][&Track::Back(to)];
            let lane = self.lanes[&to];
            way.extend([
                (down, self.rows[from]),
                (down, lane),
                (up, lane),
                (up, self.rows[to]),
                (self.before(to), self.rows[to]),
            ]);
            return way;
        }
        for step in path.windows(2) {
            let (from, to) = (step[0], step[1]);
            if let Some(&track) = self.tracks[self.layers[from] + 1].get(&Track::Out(from))
                && self.rows[from] != self.rows[to]
            {
                way.extend([(track, self.rows[from]), (track, self.rows[to])]);
            }
            way.push((self.before(to), self.rows[to]));
        }
        way
    }
}
