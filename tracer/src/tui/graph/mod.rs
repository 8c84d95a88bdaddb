//! A graph drawn in character cells, layered from the left to the right. Knows neither locks nor terminals.
//!
//! `route.rs` says where nodes stand and edges run, `canvas.rs` draws lines and finds the symbol of each cell.

mod canvas;
mod route;

use unicode_width::UnicodeWidthStr as _;

use canvas::Canvas;

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// What stands in its brackets.
    pub name: String,
    /// What stands below that; may be empty.
    pub below: String,
}

/// An edge between two nodes, by their places.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edge {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Dashed: requested shared.
    pub is_shared: bool,
    /// Heavy: part of a cycle.
    pub is_heavy: bool,
    /// With a mark on its way: of the current reload.
    pub is_marked: bool,
}

/// What is drawn.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Edges; one at most from one node to another.
    pub edges: Vec<Edge>,
}

/// Which symbols there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing.
    Unicode,
    /// `-`, `|`, `+`.
    Ascii,
}

/// What a cell is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Nothing is there.
    #[default]
    Nothing,
    /// A node.
    Node(usize),
    /// An edge: of several that run there, the one that matters most.
    Edge(usize),
}

/// A cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What is seen; a space where nothing is.
    pub symbol: char,
    /// What it is part of.
    pub part: Part,
}

/// Where a node is, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its first column.
    pub x: usize,
    /// Its first row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A drawing.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    cells: Vec<Cell>,
    places: Vec<Place>,
}

impl Drawing {
    /// A cell; none outside.
    pub fn cell(&self, x: usize, y: usize) -> Option<&Cell> {
        (x < self.width).then(|| self.cells.get(y * self.width + x)).flatten()
    }

    /// Where a node is.
    pub fn place(&self, node: usize) -> Place {
        self.places.get(node).copied().unwrap_or_default()
    }

    /// As text, a line a row.
    pub fn text(&self) -> String {
        let rows = self.cells.chunks(self.width.max(1));
        let line = |row: &[Cell]| row.iter().map(|cell| cell.symbol).collect::<String>();
        rows.map(|row| format!("{}\n", line(row).trim_end())).collect()
    }
}

/// Draws a graph. Edges that lead back run below everything and come to their node from the left as all others do.
pub fn draw(graph: &Graph, charset: Charset) -> Drawing {
    let size = |node: &Node| route::Size {
        name: node.name.width() + 2,
        all: (node.name.width() + 2).max(node.below.width() + 1),
    };
    let sizes: Vec<_> = graph.nodes.iter().map(size).collect();
    let lines = if graph.nodes.iter().any(|node| !node.below.is_empty()) {
        2
    } else {
        1
    };
    let ends: Vec<_> = graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    let route = route::of(&ends, &sizes, lines);
    let mut canvas = Canvas::new(route.width, route.height);
    for (number, ways) in route.ways.iter().enumerate() {
        canvas.begin(number, ways);
        for way in ways.windows(2) {
            canvas.line(number, way[0], way[1]);
        }
    }
    let mut cells = canvas.cells(&graph.edges, charset);
    for (number, (node, place)) in graph.nodes.iter().zip(&route.places).enumerate() {
        let texts = [format!("[{}]", node.name), format!(" {}", node.below)];
        for (text, y) in texts.iter().zip(place.y..place.y + place.height) {
            for (x, symbol) in (place.x..route.width).zip(text.chars()) {
                cells[y * route.width + x] = Cell {
                    symbol,
                    part: Part::Node(number),
                };
            }
        }
    }
    for (number, ways) in route.ways.iter().enumerate() {
        if let Some(&(x, y)) = ways.last() {
            cells[y * route.width + x] = Cell {
                symbol: if charset == Charset::Ascii { '>' } else { '▶' },
                part: Part::Edge(number),
            };
        }
    }
    for &(x, y) in &route.turns {
        cells[y * route.width + x].symbol = if charset == Charset::Ascii { '<' } else { '◀' };
    }
    Drawing {
        width: route.width,
        height: route.height,
        cells,
        places: route.places,
    }
}

#[cfg(test)]
mod tests;
