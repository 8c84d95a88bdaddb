//! Where everything stands: the rows of nodes, bends, lanes and the ends of nets, and the columns of layers and the spaces between them.

use super::channel::{self, Channel, Ends, Way};
use super::settle::{self, Link};
use super::wiring::{End, Lane, Side, Spot, Wiring};
use super::{Graph, Place, canvas, order, port};

/// Columns of the brackets around a node.
const BRACKETS: usize = 2;

/// The frame of a drawing.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) wiring: Wiring,
    /// Boxes of nodes, then those of bends: one row, and no columns.
    pub(super) places: Vec<Place>,
    /// How each net runs.
    pub(super) ways: Vec<Way>,
    /// First column of each layer, and the one in its middle.
    pub(super) layers: Vec<usize>,
    pub(super) middles: Vec<usize>,
    /// First column of those where lines run up and down before each layer, and after the last.
    pub(super) columns: Vec<usize>,
    /// Where the row of each lane is.
    pub(super) lanes: Vec<usize>,
    /// The first row beneath all nodes.
    floor: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Frame {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut wiring = Wiring::of(graph);
        let rows = order::rows(&wiring);
        let heights = port::heights(&mut wiring, graph, &rows);
        let mut frame = Self {
            wiring,
            ..Self::default()
        };
        frame.stand(&rows, heights);
        let channels = frame.route();
        frame.widen(graph, &channels);
        frame
    }

    /// The row where a net ends.
    pub(super) fn row(&self, end: &End) -> usize {
        match end.spot {
            Spot::Port { item, row } => self.places[item].y + row,
            Spot::Lane(lane) => self.lanes[lane],
        }
    }

    /// Gives each item its rows, and each lane.
    fn stand(&mut self, rows: &[Vec<usize>], heights: Vec<usize>) {
        let items = &self.wiring.items;
        let mut beneath = vec![0; items.len()];
        for lane in &self.wiring.lanes {
            if let Some(node) = lane.node {
                beneath[node] = beneath[node].max(lane.depth + 1);
            }
        }
        let step = |upper: usize, lower: usize| {
            let gap = usize::from(items[upper].is_node || items[lower].is_node);
            signed(heights[upper] + beneath[upper] + gap)
        };
        let tops = settle::tops(rows, items.len(), step, &self.links());
        let place = |(top, height): (i64, usize)| Place {
            y: usize::try_from(top).unwrap_or_default(),
            height,
            ..Place::default()
        };
        self.places = tops.into_iter().zip(heights).map(place).collect();
        let below = |(place, beneath): (&Place, &usize)| place.y + place.height + beneath;
        self.floor = self.places.iter().zip(&beneath).map(below).max().unwrap_or_default();
        let row = |lane: &Lane| {
            let first = lane.node.map_or(self.floor, |node| {
                let place = self.places[node];
                place.y + place.height
            });
            first + lane.depth
        };
        self.lanes = self.wiring.lanes.iter().map(row).collect();
        let last = self.lanes.iter().max();
        self.height = last.map_or(0, |row| row + 1).max(self.floor);
    }

    /// What should be in the same row; the longer a line, the more so.
    fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for net in &self.wiring.nets {
            for end in &net.ends {
                let (Some(hub), Some(other)) = (net.hub.port(), end.port()) else {
                    continue;
                };
                let is_bend = |(item, _): (usize, usize)| usize::from(!self.wiring.items[item].is_node);
                let weight = [1, 2, 8][is_bend(hub) + is_bend(other)];
                let (from, to) = match net.hub.side {
                    Side::Left => (hub, other),
                    Side::Right => (other, hub),
                };
                links.push(Link {
                    from: from.0,
                    from_row: signed(from.1),
                    to: to.0,
                    to_row: signed(to.1),
                    weight,
                });
            }
        }
        links
    }

    /// The ways of all nets; gives the channel before each layer, and after the last.
    fn route(&mut self) -> Vec<Channel> {
        let mut channels = Vec::new();
        self.ways = vec![Way::Straight; self.wiring.nets.len()];
        let rows = self.height;
        for layer in 0..=self.wiring.count {
            let nets = self.wiring.nets.iter().enumerate();
            let here: Vec<_> = nets
                .filter(|(_, net)| net.layer == layer)
                .map(|(index, _)| index)
                .collect();
            let ends = here.iter().map(|&net| {
                let mut ends = Ends::default();
                for end in self.wiring.nets[net].all() {
                    match end.side {
                        Side::Left => ends.left.push(self.row(end)),
                        Side::Right => ends.right.push(self.row(end)),
                    }
                }
                ends
            });
            let channel = channel::route(&ends.collect::<Vec<_>>(), self.floor, rows);
            for (net, way) in here.into_iter().zip(&channel.ways) {
                self.ways[net] = *way;
            }
            self.height = self.height.max(channel.rows);
            channels.push(channel);
        }
        channels
    }

    /// Gives each layer and each channel its columns.
    fn widen(&mut self, graph: &Graph, channels: &[Channel]) {
        let mut widths = vec![0; self.wiring.count];
        for ((node, place), item) in graph.nodes.iter().zip(&mut self.places).zip(&self.wiring.items) {
            place.width = canvas::width(&node.name).max(canvas::width(&node.below)) + BRACKETS;
            widths[item.layer] = place.width.max(widths[item.layer]);
        }
        let mut pads = vec![[1; 2]; channels.len()];
        for tag in &self.wiring.tags {
            let net = &self.wiring.nets[tag.net];
            let side = net.all().nth(tag.end).map_or(Side::Left, |end| end.side);
            let pad = &mut pads[net.layer][side as usize];
            *pad = (1 + usize::from(graph.edges[tag.edge].is_marked)).max(*pad);
        }
        let mut x = 0;
        for (layer, (channel, [left, right])) in channels.iter().zip(pads).enumerate() {
            if layer > 0 && channel.columns > 0 {
                x += left;
            }
            self.columns.push(x);
            x += (2 * channel.columns).saturating_sub(1);
            if let Some(width) = widths.get(layer) {
                if !channel.ways.is_empty() {
                    // And the arrow heads.
                    x += right + 1;
                }
                self.layers.push(x);
                self.middles.push(x + width / 2);
                x += width;
            }
        }
        self.width = x;
        for (item, place) in self.wiring.items.iter().zip(&mut self.places) {
            place.x = self.layers[item.layer];
        }
    }
}

fn signed(row: usize) -> i64 {
    i64::try_from(row).unwrap_or(i64::MAX)
}
