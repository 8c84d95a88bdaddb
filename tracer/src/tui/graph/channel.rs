//! On which columns the lines run up and down in the space before a layer.
//!
//! A net comes in along the rows of its left ends up to its column, and goes on from there along the rows of its right ends. In each row there is one left
//! end and one right end at most. Where they are of two nets, the left one's column has to be left of the other's, or both would run along the same row.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// The rows where a net ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends {
    pub(super) left: Vec<usize>,
    pub(super) right: Vec<usize>,
}

/// How a net runs: columns are counted from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Along its only row.
    Straight,
    /// All its ends meet on one column.
    Column(usize),
    /// Left ends meet on the first column, right ends on the second; between them there is a row.
    Jog(usize, usize, usize),
}

/// The ways of all nets.
#[derive(Debug, Default)]
pub(super) struct Channel {
    pub(super) ways: Vec<Way>,
    /// Columns.
    pub(super) columns: usize,
    /// Rows that it needs.
    pub(super) rows: usize,
}

/// Finds ways. Rows above `floor` may be used for jogs where they are free; those from there on to `rows` belong to lanes.
pub(super) fn route(nets: &[Ends], floor: usize, rows: usize) -> Channel {
    let mut left = vec![None; rows];
    let mut right = vec![None; rows];
    for (net, ends) in nets.iter().enumerate() {
        ends.left.iter().for_each(|&row| left[row] = Some(net));
        ends.right.iter().for_each(|&row| right[row] = Some(net));
    }
    let mut search = Search {
        nets,
        waiting: vec![0; nets.len()],
        ready: BinaryHeap::new(),
        open: BTreeSet::new(),
        left,
        right,
        free: floor,
        columns: Columns {
            next: vec![0; rows + 1],
        },
        ways: vec![Way::Straight; nets.len()],
    };
    search.run();
    Channel {
        columns: search.columns.next.iter().copied().max().unwrap_or_default(),
        rows: search.left.len(),
        ways: search.ways,
    }
}

/// In what order columns are given to nets, from left to right: those that lead down, the lowest first, then those that lead up, the highest first. So
/// neighbours that run the same way do not cross.
fn key(ends: &Ends) -> (bool, i64) {
    let mean = |rows: &[usize]| {
        let sum: i64 = rows
            .iter()
            .map(|&row| i64::try_from(16 * row).unwrap_or(i64::MAX))
            .sum();
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        sum.checked_div(count)
    };
    match (mean(&ends.left), mean(&ends.right)) {
        // To a lane.
        (Some(_), None) => (
            false,
            ends.left
                .iter()
                .min()
                .map_or(0, |&row| -16 * i64::try_from(row).unwrap_or(i64::MAX / 16)),
        ),
        (None, _) => (
            true,
            ends.right
                .iter()
                .min()
                .map_or(0, |&row| 16 * i64::try_from(row).unwrap_or(i64::MAX / 16)),
        ),
        (Some(left), Some(right)) if right > left => (false, -left),
        (Some(_), Some(right)) => (true, right),
    }
}

/// The next free column by row.
struct Columns {
    next: Vec<usize>,
}

impl Columns {
    /// The first column that is right of all that was taken between these rows, and does not touch what is above and below.
    fn take(&mut self, rows: impl Iterator<Item = usize> + Clone) -> usize {
        let (Some(first), Some(last)) = (rows.clone().min(), rows.max()) else {
            return 0;
        };
        if self.next.len() < last + 2 {
            self.next.resize(last + 2, 0);
        }
        let column = self.next[first.saturating_sub(1)..=last + 1]
            .iter()
            .copied()
            .max()
            .unwrap_or_default();
        self.next[first..=last].fill(column + 1);
        column
    }
}

struct Search<'a> {
    nets: &'a [Ends],
    /// How many nets each one has to be right of that have no column yet.
    waiting: Vec<usize>,
    ready: BinaryHeap<Reverse<((bool, i64), usize)>>,
    /// Nets whose left ends have no column yet.
    open: BTreeSet<((bool, i64), usize)>,
    /// Whose left and right end is in each row.
    left: Vec<Option<usize>>,
    right: Vec<Option<usize>>,
    /// No jog can be in this row or below it, but beneath all.
    free: usize,
    columns: Columns,
    ways: Vec<Way>,
}

impl Search<'_> {
    fn run(&mut self) {
        for (net, ends) in self.nets.iter().enumerate() {
            let is_straight = ends
                .left
                .iter()
                .chain(&ends.right)
                .all(|&row| ends.left.first() == Some(&row));
            if is_straight && ends.left == ends.right {
                continue;
            }
            self.open.insert((key(ends), net));
            self.waiting[net] = self.before(net).count();
            if self.waiting[net] == 0 {
                self.ready.push(Reverse((key(ends), net)));
            }
        }
        loop {
            if let Some(Reverse((_, net))) = self.ready.pop() {
                self.column(net);
            } else if let Some(net) = self.circle() {
                self.jog(net);
            } else {
                return;
            }
        }
    }

    /// The nets that a net has to be right of.
    fn before(&self, net: usize) -> impl Iterator<Item = usize> {
        let others = self.nets[net].right.iter().filter_map(|&row| self.left[row]);
        others.filter(move |&other| other != net)
    }

    /// A net without a column that has to be right of others, which have to be right of it.
    fn circle(&self) -> Option<usize> {
        let is_open = |net: usize| self.open.contains(&(key(&self.nets[net]), net));
        let mut net = self.open.first()?.1;
        let mut seen = BTreeSet::new();
        while seen.insert(net) {
            net = self.before(net).find(|&other| is_open(other)).unwrap_or(net);
        }
        Some(net)
    }

    fn column(&mut self, net: usize) {
        let ends = &self.nets[net];
        if let Way::Jog(from, row, _) = self.ways[net] {
            let to = self.columns.take(ends.right.iter().copied().chain([row]));
            self.ways[net] = Way::Jog(from, row, to);
        } else {
            let column = self.columns.take(ends.left.iter().chain(&ends.right).copied());
            self.ways[net] = Way::Column(column);
            self.release(net);
        }
    }

    /// Gives a column to the left ends alone: what has to be right of them need not wait any more.
    fn jog(&mut self, net: usize) {
        let row = self.row(net);
        let ends = self.nets[net].left.iter().copied().chain([row]);
        let column = self.columns.take(ends);
        self.ways[net] = Way::Jog(column, row, column);
        self.release(net);
    }

    fn release(&mut self, net: usize) {
        self.open.remove(&(key(&self.nets[net]), net));
        for row in &self.nets[net].left {
            if let Some(other) = self.right[*row].filter(|&other| other != net) {
                self.waiting[other] -= 1;
                if self.waiting[other] == 0 {
                    self.ready.push(Reverse((key(&self.nets[other]), other)));
                }
            }
        }
    }

    /// The free row that is nearest to the middle of a net; without one, a new row beneath all.
    fn row(&mut self, net: usize) -> usize {
        let ends = &self.nets[net];
        let rows = ends.left.iter().chain(&ends.right);
        let middle = (rows.clone().min().unwrap_or(&0) + rows.max().unwrap_or(&0)) / 2;
        let is_free = |&row: &usize| self.left[row].is_none() && self.right[row].is_none();
        let nearest = (0..self.free).filter(is_free).min_by_key(|row| row.abs_diff(middle));
        let row = nearest.unwrap_or(self.left.len());
        if row == self.left.len() {
            self.left.push(None);
            self.right.push(None);
        }
        // Nobody else's.
        self.left[row] = Some(net);
        self.right[row] = Some(net);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(left: &[usize], right: &[usize]) -> Ends {
        Ends {
            left: left.to_vec(),
            right: right.to_vec(),
        }
    }

    #[test]
    fn who_is_in_the_same_row_is_further_left() {
        // The first leaves row 2, where the second arrives.
        let channel = route(&[ends(&[2], &[5]), ends(&[0], &[2])], 8, 8);
        assert_eq!(channel.ways, [Way::Column(0), Way::Column(1)]);
    }

    #[test]
    fn two_that_change_places_take_a_row_between() {
        let channel = route(&[ends(&[1], &[5]), ends(&[5], &[1])], 8, 8);
        assert!(
            matches!(channel.ways[..], [Way::Jog(0, 3, 2), Way::Column(1)]),
            "{channel:?}"
        );
        assert_eq!((channel.columns, channel.rows), (3, 8));
    }

    #[test]
    fn without_a_free_row_they_take_one_beneath_all() {
        let channel = route(&[ends(&[0], &[1]), ends(&[1], &[0])], 2, 3);
        assert!(
            channel.ways.iter().any(|way| matches!(way, Way::Jog(_, 3, _))),
            "{channel:?}"
        );
        assert_eq!(channel.rows, 4);
    }

    #[test]
    fn what_is_above_each_other_shares_a_column() {
        let channel = route(&[ends(&[0], &[2]), ends(&[5], &[7]), ends(&[9], &[9])], 10, 10);
        assert_eq!(channel.ways, [Way::Column(0), Way::Column(0), Way::Straight]);
        assert_eq!(channel.columns, 1);
    }
}
