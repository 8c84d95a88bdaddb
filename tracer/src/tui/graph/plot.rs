//! Puts a frame on a canvas: boxes, lines, arrow heads, marks and labels.

use super::canvas::{Canvas, Pen};
use super::channel::Way;
use super::frame::Frame;
use super::glyph::Stroke;
use super::wiring::{End, Net, Side, Spot, Style};
use super::{Charset, Drawing, Graph, Place, port};

/// Signs of a charset.
struct Signs {
    right: &'static str,
    left: &'static str,
    mark: &'static str,
}

const UNICODE: Signs = Signs {
    right: "▶",
    left: "◀",
    mark: "◆",
};
const ASCII: Signs = Signs {
    right: ">",
    left: "<",
    mark: "*",
};

pub(super) fn plot(graph: &Graph, charset: Charset) -> Drawing {
    let frame = Frame::of(graph);
    let signs = match charset {
        Charset::Unicode => &UNICODE,
        Charset::Ascii => &ASCII,
    };
    let canvas = Canvas::new(charset, frame.width, frame.height);
    let mut plot = Plot {
        graph,
        frame: &frame,
        signs,
        canvas,
    };
    plot.nodes();
    plot.nets();
    plot.lanes();
    plot.signs();
    let canvas = plot.canvas;
    Drawing {
        width: frame.width,
        height: frame.height,
        canvas,
        places: frame.places.into_iter().take(graph.nodes.len()).collect(),
    }
}

struct Plot<'a> {
    graph: &'a Graph,
    frame: &'a Frame,
    signs: &'static Signs,
    canvas: Canvas,
}

impl Plot<'_> {
    fn nodes(&mut self) {
        for (index, (node, place)) in self.graph.nodes.iter().zip(&self.frame.places).enumerate() {
            self.canvas.node(index, *place);
            let y = place.y + (place.height - port::lines(node)) / 2;
            self.canvas.text((place.x + 1, y), &node.name);
            self.canvas.text((place.x + 1, y + 1), &node.below);
        }
    }

    fn nets(&mut self) {
        for (wire, net) in self.frame.wiring.nets.iter().enumerate() {
            // The most important edge is the first; what is drawn last stays.
            for end in net.ends.iter().rev() {
                let pen = pen(wire, end.edge, net.style);
                let (from, to) = match end.side {
                    Side::Left if net.hub.side == Side::Right => (end, &net.hub),
                    _ => (&net.hub, end),
                };
                self.path(wire, net, from, to, pen);
            }
        }
    }

    /// From one end of a net to another.
    fn path(&mut self, wire: usize, net: &Net, from: &End, to: &End, pen: Pen) {
        let frame = self.frame;
        let column = |column: usize| frame.columns[net.layer] + 2 * column;
        let (from_row, to_row) = (frame.row(from), frame.row(to));
        let mut points = vec![(self.outside(from), from_row)];
        match frame.ways[wire] {
            Way::Straight => {}
            Way::Column(x) => points.extend([(column(x), from_row), (column(x), to_row)]),
            Way::Jog(first, row, second) => points.extend([
                (column(first), from_row),
                (column(first), row),
                (column(second), row),
                (column(second), to_row),
            ]),
        }
        if let Spot::Port { .. } = to.spot {
            points.push((self.outside(to), to_row));
        }
        self.canvas.path(&points, pen);
    }

    /// The column beyond the last cell of a line: a box's border, or the layer where a line goes on.
    fn outside(&self, end: &End) -> usize {
        let Spot::Port { item, .. } = end.spot else {
            return 0;
        };
        let place = self.frame.places[item];
        match (end.side, self.node_of(end)) {
            (Side::Left, Some(place)) => place.x + place.width - 1,
            // It passes the layer too.
            (Side::Left, None) => place.x - 1,
            (Side::Right, _) => place.x,
        }
    }

    /// The box that a net ends at.
    fn node_of(&self, end: &End) -> Option<Place> {
        match end.spot {
            Spot::Port { item, .. } if item < self.graph.nodes.len() => Some(self.frame.places[item]),
            _ => None,
        }
    }

    fn lanes(&mut self) {
        let frame = self.frame;
        for (index, lane) in frame.wiring.lanes.iter().enumerate() {
            let row = frame.lanes[index];
            let column = |net: usize| match frame.ways[net] {
                Way::Column(x) | Way::Jog(x, ..) => frame.columns[frame.wiring.nets[net].layer] + 2 * x,
                Way::Straight => 0,
            };
            let to = column(lane.arrival);
            for &source in lane.sources.iter().rev() {
                let pen = pen(
                    frame.wiring.nets.len() + index,
                    frame.wiring.nets[source].hub.edge,
                    lane.style,
                );
                let from = column(source);
                let points = [(from, row - 1), (from, row), (to, row), (to, row - 1)];
                self.canvas.path(&points, pen);
            }
        }
    }

    fn signs(&mut self) {
        let frame = self.frame;
        for (lane, &row) in frame.wiring.lanes.iter().zip(&frame.lanes) {
            for &middle in &frame.middles[lane.from..=lane.to] {
                self.canvas.text((middle, row), self.signs.left);
            }
        }
        for net in &frame.wiring.nets {
            for end in net.all() {
                if let (Side::Right, Some(place)) = (end.side, self.node_of(end)) {
                    self.canvas.text((place.x - 1, frame.row(end)), self.signs.right);
                }
            }
        }
        let marked = frame.wiring.tags.iter().rev();
        for tag in marked.filter(|tag| self.graph.edges[tag.edge].is_marked) {
            if let Some(end) = frame.wiring.nets[tag.net].all().nth(tag.end) {
                let x = match end.side {
                    // Behind the first cell of the line.
                    Side::Left => self.outside(end) + 2,
                    // Before the arrow head.
                    Side::Right => self.outside(end) - 2,
                };
                self.canvas.sign((x, frame.row(end)), self.signs.mark, index(tag.edge));
            }
        }
    }
}

fn pen(wire: usize, edge: usize, style: Style) -> Pen {
    Pen {
        wire: index(wire),
        edge: index(edge),
        stroke: Stroke {
            is_heavy: style.is_heavy,
            is_dashed: !style.is_exclusive,
        },
    }
}

fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
