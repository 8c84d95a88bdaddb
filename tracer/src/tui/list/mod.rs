//! Lists: what their columns are and what their rows say. One file a list.

mod findings;
pub(super) mod locks;
mod log;
mod reloads;
mod tasks;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::scene::Scene;

/// The lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Cycles and violations.
    Findings,
    /// Every lock.
    Locks,
    /// Every task.
    Tasks,
    /// Devlink reloads.
    Reloads,
    /// What happened to the trace.
    Log,
}

impl ListKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Findings, Self::Locks, Self::Tasks, Self::Reloads, Self::Log];

    /// What it is made of.
    pub fn list(self) -> &'static dyn List {
        match self {
            Self::Findings => &findings::Findings,
            Self::Locks => &locks::Locks,
            Self::Tasks => &tasks::Tasks,
            Self::Reloads => &reloads::Reloads,
            Self::Log => &log::Log,
        }
    }
}

/// How much room a column gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many cells.
    Cells(u16),
    /// Such a share of what the others leave.
    Share(u16),
}

/// A column of a list.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its heading.
    pub head: &'static str,
    /// How much room it gets.
    pub width: Width,
    /// Numbers stand at the right.
    pub is_right: bool,
    /// It is left out of lists that are narrower than this.
    pub from: u16,
}

impl Column {
    const fn text(head: &'static str, width: Width) -> Self {
        Self {
            head,
            width,
            is_right: false,
            from: 0,
        }
    }

    const fn number(head: &'static str, cells: u16) -> Self {
        Self {
            head,
            width: Width::Cells(cells),
            is_right: true,
            from: 0,
        }
    }

    const fn only_from(mut self, width: u16) -> Self {
        self.from = width;
        self
    }
}

/// A list. Rows are numbers of the scene's rows, from 0.
pub trait List: Sync {
    /// Its columns, from the left.
    fn columns(&self) -> &'static [Column];

    /// How many rows there are in all.
    fn len(&self, scene: &Scene) -> usize;

    /// What stays the same of a row when the trace grows and numbers change.
    fn key(&self, scene: &Scene, row: u32) -> u64;

    /// When it was there first, in ns since the start.
    fn first_ns(&self, scene: &Scene, row: u32) -> u64;

    /// What a filter looks for in it.
    fn words<'a>(&self, scene: &'a Scene, row: u32) -> Vec<&'a str>;

    /// What a column says of a row.
    fn cell<'a>(&self, scene: &'a Scene, row: u32, column: usize) -> Cow<'a, str>;

    /// Which of two rows comes first when the list is sorted by a column.
    fn compare(&self, scene: &Scene, column: usize, a: u32, b: u32) -> Ordering;

    /// The order when it is sorted by no column: smaller ranks come first.
    fn rank(&self, _scene: &Scene, row: u32) -> u64 {
        u64::from(row)
    }

    /// How severe it is, by the name of a severity.
    fn severity<'a>(&self, _scene: &'a Scene, _row: u32) -> Option<&'a str> {
        None
    }
}

/// A key of names and numbers.
fn key_of(parts: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Large numbers first.
fn descending<T: Ord>(a: T, b: T) -> Ordering {
    b.cmp(&a)
}

/// A number, and nothing for zero: what is there stands out.
fn number(count: usize) -> Cow<'static, str> {
    if count == 0 {
        Cow::Borrowed("")
    } else {
        Cow::Owned(count.to_string())
    }
}

/// A time of the capture, as lists have it: `12.345 s`.
pub(super) fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000_000)
}
