//! A graph drawn in character cells: layers from left to right, edges along rows and columns. Knows neither locks nor terminals.
//!
//! `wiring` says what is connected in which space between two layers, `order`, `port` and `settle` in which rows that is, `channel` on which columns
//! lines run between them, and `plot` puts it on a `canvas`. What a reader can rely on, and `tests.rs` proves:
//!
//! - Lines run from left to right into the arrow head at a node; only those that lead back run to the left, beneath, with an arrow head under each layer.
//! - Lines that join have the source or the target in common, and are drawn alike. Where two others cross, the more important one hides the other.

mod canvas;
mod channel;
mod frame;
mod glyph;
mod order;
mod plot;
mod port;
mod settle;
mod wiring;

#[cfg(test)]
mod tests;

use canvas::Canvas;

/// A lock, or what stands for several.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// First line.
    pub name: String,
    /// Second line; none where it is empty.
    pub below: String,
}

/// A dependency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edge {
    /// Index of the held lock.
    pub from: usize,
    /// Index of the requested lock.
    pub to: usize,
    /// Requested shared: dashed.
    pub is_shared: bool,
    /// Part of a cycle: a heavy line.
    pub is_heavy: bool,
    /// Has a mark on its way.
    pub is_marked: bool,
}

/// What is drawn. Edges to or from nodes that are not there are left out.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Drawn in brackets.
    pub nodes: Vec<Node>,
    /// Drawn as lines.
    pub edges: Vec<Edge>,
}

/// What lines are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing characters.
    Unicode,
    /// What every terminal and mail has.
    Ascii,
}

/// Where a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Columns left of it.
    pub x: usize,
    /// Rows above it.
    pub y: usize,
    /// Columns, with its brackets.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What a cell belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Empty.
    Nothing,
    /// A node.
    Node(usize),
    /// An edge: the most important one of those that run here.
    Edge(usize),
}

/// A character cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What stands in it; a space behind a character that is two cells wide.
    pub symbol: char,
    /// What it belongs to.
    pub part: Part,
}

/// A drawn graph.
#[derive(Debug)]
pub struct Drawing {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    canvas: Canvas,
    places: Vec<Place>,
}

impl Drawing {
    /// A cell, none outside.
    pub fn cell(&self, x: usize, y: usize) -> Option<Cell> {
        self.canvas.cell(x, y)
    }

    /// Where a node is; nowhere when there is no such node.
    pub fn place(&self, node: usize) -> Place {
        self.places.get(node).copied().unwrap_or_default()
    }

    /// As text, a line a row.
    pub fn text(&self) -> String {
        let line = |y| format!("{}\n", self.canvas.line(y).trim_end());
        (0..self.height).map(line).collect()
    }
}

/// Draws a graph; the same graph is always drawn the same way.
pub fn draw(graph: &Graph, charset: Charset) -> Drawing {
    plot::plot(graph, charset)
}
