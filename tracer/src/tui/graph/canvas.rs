//! The cells that a graph is drawn on.

use unicode_width::UnicodeWidthChar;

use super::glyph::{self, Arms, DOWN, LEFT, RIGHT, Stroke, UP};
use super::{Cell, Charset, Part, Place};

/// A column and a row.
pub(super) type At = (usize, usize);

/// What a line is drawn with. Lines of one wire join where they meet; of two wires, the more important one hides the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) wire: u32,
    pub(super) edge: u32,
    pub(super) stroke: Stroke,
}

/// Which of two lines is the more important one.
fn rank(stroke: Stroke) -> (bool, bool) {
    (stroke.is_heavy, !stroke.is_dashed)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Empty,
    Node,
    Line,
}

/// What is in a cell.
#[derive(Clone, Copy, Debug, Default)]
struct Ink {
    /// Instead of what follows from the arms, unless it is NUL.
    symbol: char,
    arms: Arms,
    kind: Kind,
    stroke: Stroke,
    wire: u32,
    /// Node or edge.
    owner: u32,
}

/// Cells that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

#[derive(Debug)]
pub(super) struct Canvas {
    charset: Charset,
    width: usize,
    inks: Vec<Ink>,
}

impl Canvas {
    pub(super) fn new(charset: Charset, width: usize, height: usize) -> Self {
        let inks = vec![Ink::default(); width * height];
        Self { charset, width, inks }
    }

    pub(super) fn cell(&self, x: usize, y: usize) -> Option<Cell> {
        if x >= self.width {
            return None;
        }
        let ink = self.inks.get(y * self.width + x)?;
        let owner = ink.owner as usize;
        let (drawn, part) = match ink.kind {
            Kind::Empty => (' ', Part::Nothing),
            Kind::Node => (' ', Part::Node(owner)),
            Kind::Line => (
                glyph::line(self.charset, ink.arms, ink.stroke, (x, y)),
                Part::Edge(owner),
            ),
        };
        let symbol = if ink.symbol == '\0' { drawn } else { ink.symbol };
        Some(Cell { symbol, part })
    }

    /// A row as text.
    pub(super) fn line(&self, y: usize) -> String {
        let mut line = String::new();
        let mut x = 0;
        while let Some(cell) = self.cell(x, y) {
            line.push(cell.symbol);
            x += cell.symbol.width().unwrap_or(1).max(1);
        }
        line
    }

    fn ink(&mut self, (x, y): At) -> Option<&mut Ink> {
        self.inks.get_mut(y * self.width + x)
    }

    /// The brackets of a node, and room between them.
    pub(super) fn node(&mut self, node: usize, place: Place) {
        let owner = u32::try_from(node).unwrap_or(u32::MAX);
        for row in 0..place.height {
            let sides = glyph::brackets(self.charset, row, place.height);
            for column in 0..place.width {
                let symbol = match column {
                    0 => sides[0],
                    _ if column + 1 == place.width => sides[1],
                    _ => ' ',
                };
                if let Some(ink) = self.ink((place.x + column, place.y + row)) {
                    *ink = Ink {
                        symbol,
                        kind: Kind::Node,
                        owner,
                        ..Ink::default()
                    };
                }
            }
        }
    }

    /// Text over what is drawn, which it goes on belonging to. Characters without a width are left out.
    pub(super) fn text(&mut self, (mut x, y): At, text: &str) {
        for character in text.chars() {
            let width = character.width().unwrap_or_default();
            for cell in 0..width {
                if let Some(ink) = self.ink((x + cell, y)) {
                    ink.symbol = if cell == 0 { character } else { ' ' };
                }
            }
            x += width;
        }
    }

    /// A sign on a line, which says that the line is this edge.
    pub(super) fn sign(&mut self, at: At, sign: &str, edge: u32) {
        if let Some(ink) = self.ink(at) {
            ink.owner = edge;
        }
        self.text(at, sign);
    }

    /// A line through these places; it ends one cell before the first and the last of them.
    pub(super) fn path(&mut self, points: &[At], pen: Pen) {
        let mut points = points.to_vec();
        points.dedup();
        for (index, pair) in points.windows(2).enumerate() {
            let (from, to) = (pair[0], pair[1]);
            let back = direction(to, from);
            let on = direction(from, to);
            let straight = back | on;
            if from.1 == to.1 {
                for x in from.0.min(to.0) + 1..from.0.max(to.0) {
                    self.put((x, to.1), straight, pen);
                }
            } else {
                for y in from.1.min(to.1) + 1..from.1.max(to.1) {
                    self.put((to.0, y), straight, pen);
                }
            }
            if let Some(&next) = points.get(index + 2) {
                self.put(to, back | direction(to, next), pen);
            }
        }
    }

    fn put(&mut self, at: At, arms: Arms, pen: Pen) {
        let Some(ink) = self.ink(at) else {
            return;
        };
        let is_other = ink.kind == Kind::Line && ink.wire != pen.wire;
        // Of two that are alike, the one that runs up and down.
        let is_hidden = is_other && (rank(ink.stroke), ink.arms & UP) >= (rank(pen.stroke), arms & UP);
        if ink.kind == Kind::Node || is_hidden {
            return;
        }
        let before = if is_other { 0 } else { ink.arms };
        *ink = Ink {
            symbol: '\0',
            arms: before | arms,
            kind: Kind::Line,
            stroke: pen.stroke,
            wire: pen.wire,
            owner: pen.edge,
        };
    }
}

fn direction(from: At, to: At) -> Arms {
    if to.0 > from.0 {
        RIGHT
    } else if to.0 < from.0 {
        LEFT
    } else if to.1 > from.1 {
        DOWN
    } else {
        UP
    }
}
