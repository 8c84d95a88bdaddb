//! How much else a change touches: who argues for a fix looks for the acquisition that nothing else hangs on.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle::at;
use crate::analysis::held::Taken;
use crate::analysis::view::View;
use crate::analysis::without::Without;

/// Situations by what takes them out.
pub(super) struct Disturbance(BTreeMap<Without, Touched>);

#[derive(Default)]
struct Touched {
    /// In how many held stacks, or requests on top of one, the acquisition is.
    situations: usize,
    /// The most locks that were held when it was made.
    depth: usize,
}

impl Disturbance {
    pub(super) fn of(view: &View<'_>) -> Self {
        let mut touched: BTreeMap<_, Touched> = BTreeMap::new();
        let mut known: BTreeMap<_, Option<Without>> = BTreeMap::new();
        for situation in view.graph().situations() {
            for (depth, taken) in situation.held.iter().chain([&situation.request]).enumerate() {
                let Taken { lock, stack, .. } = *taken;
                let way = known.entry((lock, stack)).or_insert_with(|| at(view, taken));
                let Some(way) = way else {
                    continue;
                };
                if !touched.contains_key(way) {
                    touched.insert(way.clone(), Touched::default());
                }
                if let Some(touched) = touched.get_mut(way) {
                    touched.situations += 1;
                    touched.depth = touched.depth.max(depth);
                }
            }
        }
        Self(touched)
    }

    /// Smaller is the better break: what touches least, then what is nested deepest, which is the call to move out.
    pub(super) fn rank(&self, cover: &BTreeSet<Without>) -> (usize, std::cmp::Reverse<usize>, BTreeSet<Without>) {
        let touched = cover.iter().filter_map(|way| self.0.get(way));
        let (situations, depth) = touched.fold((0, 0), |(situations, depth), touched| {
            (situations + touched.situations, depth + touched.depth)
        });
        (situations, std::cmp::Reverse(depth), cover.clone())
    }
}
