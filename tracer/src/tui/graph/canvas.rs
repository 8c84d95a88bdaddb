//! Lines in cells: which edges leave a cell in which direction, and the symbol that shows it.

use super::{Cell, Charset, Edge, Part};

/// Directions: up, right, down, left.
const DIRECTIONS: usize = 4;

/// Box drawings by their arms, each nothing, light or heavy: up counts 27, right 9, down 3, left 1 (Unicode, U+2500 to U+257F).
const BOXES: &str = " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋";

/// What runs through a cell.
#[derive(Clone, Debug, Default)]
struct Crossing {
    /// Edges, and whether they leave it up, right, down, left.
    edges: Vec<(usize, [bool; DIRECTIONS])>,
}

/// Lines that were drawn.
pub(super) struct Canvas {
    width: usize,
    crossings: Vec<Crossing>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            crossings: vec![Crossing::default(); width * height],
        }
    }

    /// An edge begins at the node before its first cell.
    pub(super) fn begin(&mut self, edge: usize, way: &[(usize, usize)]) {
        if let Some(&first) = way.first() {
            self.leave(edge, first, 3);
        }
    }

    /// A line of an edge between two corners in one row or column.
    pub(super) fn line(&mut self, edge: usize, from: (usize, usize), to: (usize, usize)) {
        let (mut x, mut y) = from;
        while (x, y) != to {
            let (out, into, next) = match (to.0.cmp(&x), to.1.cmp(&y)) {
                (std::cmp::Ordering::Greater, _) => (1, 3, (x + 1, y)),
                (std::cmp::Ordering::Less, _) => (3, 1, (x - 1, y)),
                (_, std::cmp::Ordering::Greater) => (2, 0, (x, y + 1)),
                _ => (0, 2, (x, y - 1)),
            };
            self.leave(edge, (x, y), out);
            (x, y) = next;
            self.leave(edge, (x, y), into);
        }
    }

    fn leave(&mut self, edge: usize, (x, y): (usize, usize), direction: usize) {
        let Some(crossing) = self.crossings.get_mut(y * self.width + x) else {
            return;
        };
        let known = crossing.edges.iter().position(|(known, _)| *known == edge);
        let place = known.unwrap_or_else(|| {
            crossing.edges.push((edge, [false; DIRECTIONS]));
            crossing.edges.len() - 1
        });
        crossing.edges[place].1[direction] = true;
    }

    /// The cells, with what each edge is.
    pub(super) fn cells(&self, edges: &[Edge], charset: Charset) -> Vec<Cell> {
        let mut cells: Vec<_> = self
            .crossings
            .iter()
            .map(|crossing| crossing.cell(edges, charset))
            .collect();
        for (number, _) in edges.iter().enumerate().filter(|(_, edge)| edge.is_marked) {
            if let Some(place) = self.place_of_mark(number) {
                cells[place].symbol = if charset == Charset::Ascii { '*' } else { '◆' };
            }
        }
        cells
    }

    /// Where an edge runs from the left to the right, if possible alone: in the middle of its longest such stretch.
    fn place_of_mark(&self, edge: usize) -> Option<usize> {
        let is_level = |only: bool| {
            let crossings = self.crossings.iter().enumerate();
            let level = crossings.filter(move |(_, crossing)| {
                let own = crossing
                    .edges
                    .iter()
                    .any(|&(known, arms)| known == edge && arms == [false, true, false, true]);
                own && (!only || crossing.edges.len() == 1)
            });
            level.map(|(place, _)| place).collect::<Vec<_>>()
        };
        let mut places = is_level(true);
        if places.is_empty() {
            places = is_level(false);
        }
        let stretches = places.chunk_by(|a, b| a + 1 == *b && b % self.width != 0);
        let longest = stretches.max_by_key(|stretch| stretch.len())?;
        longest.get(longest.len() / 2).copied()
    }
}

impl Crossing {
    fn cell(&self, edges: &[Edge], charset: Charset) -> Cell {
        let mut arms = [0; DIRECTIONS];
        for &(edge, leaves) in &self.edges {
            for (arm, _) in arms.iter_mut().zip(leaves).filter(|(_, leaves)| *leaves) {
                *arm = (*arm).max(if edges[edge].is_heavy { 2 } else { 1 });
            }
        }
        let important = self.edges.iter().map(|&(edge, _)| edge);
        let Some(edge) =
            important.max_by_key(|&edge| (edges[edge].is_heavy, edges[edge].is_marked, std::cmp::Reverse(edge)))
        else {
            return Cell {
                symbol: ' ',
                part: Part::Nothing,
            };
        };
        let is_shared = self.edges.iter().all(|&(edge, _)| edges[edge].is_shared);
        Cell {
            symbol: symbol(arms, is_shared, charset),
            part: Part::Edge(edge),
        }
    }
}

/// The box drawing at a place of the table.
pub(super) fn box_of(place: usize) -> char {
    BOXES.chars().nth(place).unwrap_or(' ')
}

fn symbol(arms: [usize; DIRECTIONS], is_shared: bool, charset: Charset) -> char {
    let is_heavy = arms.contains(&2);
    match (arms.map(|arm| arm > 0), charset) {
        ([false, true, false, true], Charset::Unicode) if is_shared => {
            if is_heavy {
                '╍'
            } else {
                '╌'
            }
        }
        ([true, false, true, false], Charset::Unicode) if is_shared => {
            if is_heavy {
                '╏'
            } else {
                '╎'
            }
        }
        (_, Charset::Unicode) => box_of(arms.iter().fold(0, |place, arm| place * 3 + arm)),
        ([false, true, false, true], Charset::Ascii) => match (is_shared, is_heavy) {
            (false, false) => '-',
            (false, true) => '=',
            (true, false) => '.',
            (true, true) => ':',
        },
        ([true, false, true, false], Charset::Ascii) => match (is_shared, is_heavy) {
            (_, true) => '#',
            (false, false) => '|',
            (true, false) => ':',
        },
        (_, Charset::Ascii) => {
            if is_heavy {
                '#'
            } else {
                '+'
            }
        }
    }
}
