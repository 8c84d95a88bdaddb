//! Reads a drawing as a person does: by its characters alone.

use std::collections::BTreeSet;

use super::super::*;

const UP: usize = 0;
const RIGHT: usize = 1;
const DOWN: usize = 2;
const LEFT: usize = 3;

/// Heavy, dashed.
pub(super) type Stroke = (bool, bool);

/// What a character of a line says.
struct Read {
    /// Whether it has lines to the sides.
    arms: [bool; 4],
    is_heavy: bool,
    /// A corner is the same for both.
    is_dashed: Option<bool>,
}

fn read(symbol: char) -> Option<Read> {
    let straight = |arms, is_heavy, is_dashed| {
        let is_dashed = Some(is_dashed);
        Some(Read {
            arms,
            is_heavy,
            is_dashed,
        })
    };
    let (across, upright) = ([false, true, false, true], [true, false, true, false]);
    match symbol {
        '─' | '━' => straight(across, symbol == '━', false),
        '╌' | '╍' => straight(across, symbol == '╍', true),
        '│' | '┃' => straight(upright, symbol == '┃', false),
        '╎' | '╏' => straight(upright, symbol == '╏', true),
        _ => {
            let light = "┌┐└┘├┤┬┴┼".chars().position(|corner| corner == symbol);
            let heavy = "┏┓┗┛┣┫┳┻╋".chars().position(|corner| corner == symbol);
            let ways = ["rd", "dl", "ur", "ul", "urd", "udl", "rdl", "url", "urdl"][light.or(heavy)?];
            Some(Read {
                arms: ['u', 'r', 'd', 'l'].map(|way| ways.contains(way)),
                is_heavy: heavy.is_some(),
                is_dashed: None,
            })
        }
    }
}

/// A reader with a drawing.
pub(super) struct Reader<'a> {
    drawing: &'a Drawing,
    places: Vec<Place>,
}

type At = (usize, usize);

impl<'a> Reader<'a> {
    pub(super) fn new(drawing: &'a Drawing, nodes: usize) -> Self {
        let places = (0..nodes).map(|node| drawing.place(node)).collect();
        Self { drawing, places }
    }

    /// Where the lines from a node lead to.
    pub(super) fn targets(&self, node: usize) -> Result<BTreeSet<(usize, Stroke)>, String> {
        let mut targets = BTreeSet::new();
        let place = self.places[node];
        for y in place.y..place.y + place.height {
            let begin = (place.x + place.width, y);
            let Some(first) = self.symbol(begin).and_then(read).filter(|read| read.arms[LEFT]) else {
                continue;
            };
            let stroke = (first.is_heavy, first.is_dashed.ok_or("begins with a corner")?);
            let ends = self.follow(begin, stroke)?;
            if ends.is_empty() {
                return Err(format!("the line from {begin:?} leads nowhere"));
            }
            targets.extend(ends.into_iter().map(|end| (end, stroke)));
        }
        Ok(targets)
    }

    fn symbol(&self, (x, y): At) -> Option<char> {
        self.drawing.cell(x, y).map(|cell| cell.symbol)
    }

    fn node_at(&self, (x, y): At) -> Option<usize> {
        self.places.iter().position(|place| {
            (place.x..place.x + place.width).contains(&x) && (place.y..place.y + place.height).contains(&y)
        })
    }

    /// The arrow heads that can be reached, by the rules that `graph/mod.rs` states.
    fn follow(&self, begin: At, stroke: Stroke) -> Result<BTreeSet<usize>, String> {
        let mut ends = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(begin, RIGHT)];
        while let Some((at, way)) = open.pop() {
            if !seen.insert((at, way)) {
                continue;
            }
            let is_back = way == LEFT;
            let on = |way| step(at, way).map(|next| (next, way));
            match self.symbol(at) {
                Some('▶') if way == RIGHT => ends.extend(self.node_at((at.0 + 1, at.1))),
                Some('◆') if way == LEFT || way == RIGHT => open.extend(on(way)),
                Some('◀') if is_back => open.extend(on(way)),
                // To where another line comes from.
                _ if is_back && self.node_at(at).is_some() => {}
                symbol => {
                    let read = symbol.and_then(read).filter(|_| self.node_at(at).is_none());
                    let read = read.ok_or_else(|| format!("the line from {begin:?} ends at {at:?}"))?;
                    let ways = self.ways(at, way, stroke, &read)?;
                    open.extend(ways.into_iter().filter_map(on));
                }
            }
        }
        Ok(ends)
    }

    /// Where it goes on from a cell that is entered one way.
    fn ways(&self, at: At, way: usize, stroke: Stroke, read: &Read) -> Result<Vec<usize>, String> {
        let from = (way + 2) % 4;
        if !read.arms[from] {
            let is_across = read.arms.iter().filter(|arm| **arm).count() == 2 && !read.arms[way];
            // A more important line hides it here.
            let other = (read.is_heavy, !read.is_dashed.unwrap_or(true));
            let is_less = other < (stroke.0, !stroke.1);
            return if is_across && !is_less {
                Ok(vec![way])
            } else {
                Err(format!("broken at {at:?}"))
            };
        }
        if read.is_heavy != stroke.0 || read.is_dashed.is_some_and(|is_dashed| is_dashed != stroke.1) {
            return Err(format!("another line at {at:?}"));
        }
        let on = [UP, RIGHT, DOWN, LEFT]
            .into_iter()
            .filter(|&on| on != from && read.arms[on]);
        let is_open = |on: usize| on == way || on == UP || on == DOWN || self.leads_back(at, on) == (on == LEFT);
        Ok(on.filter(|&on| is_open(on)).collect())
    }

    /// Whether there is an arrow head to the left on the way.
    fn leads_back(&self, at: At, way: usize) -> bool {
        let mut next = step(at, way);
        while let Some(at) = next {
            match self.symbol(at) {
                Some('◀') => return true,
                Some('◆') => {}
                symbol => {
                    let Some(read) = symbol.and_then(read) else {
                        return false;
                    };
                    // A corner ends it.
                    if read.arms[(way + 2) % 4] && !read.arms[way] {
                        return false;
                    }
                }
            }
            next = step(at, way);
        }
        false
    }
}

fn step((x, y): At, way: usize) -> Option<At> {
    Some(match way {
        UP => (x, y.checked_sub(1)?),
        RIGHT => (x + 1, y),
        DOWN => (x, y + 1),
        _ => (x.checked_sub(1)?, y),
    })
}
