//! How much else a change touches: who argues for a fix looks for the acquisition that nothing else hangs on.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::way::{Way, Ways};
use crate::analysis::graph::OrderGraph;

/// Situations by what takes them out.
pub(super) struct Disturbance(Vec<Touched>);

#[derive(Clone, Copy, Default)]
struct Touched {
    /// In how many held stacks, or requests on top of one, the acquisition is.
    situations: usize,
    /// The most locks that were held when it was made.
    depth: usize,
}

impl Disturbance {
    pub(super) fn of(graph: &OrderGraph, ways: &Ways<'_>) -> Self {
        let mut touched = vec![Touched::default(); ways.count()];
        for (number, situation) in (0u32..).zip(graph.situations()) {
            for depth in 0..=situation.held.len() {
                let way = ways.acquisition(number, depth);
                if let Some(touched) = way.and_then(|way| touched.get_mut(way.0 as usize)) {
                    touched.situations += 1;
                    touched.depth = touched.depth.max(depth);
                }
            }
        }
        Self(touched)
    }

    /// Smaller is the better break: what touches least, then what is nested deepest, which is the call to move out.
    pub(super) fn rank(&self, cover: &BTreeSet<Way>) -> (usize, Reverse<usize>, BTreeSet<Way>) {
        let touched = cover.iter().filter_map(|way| self.0.get(way.0 as usize));
        let (situations, depth) = touched.fold((0, 0), |(situations, depth), touched| {
            (situations + touched.situations, depth + touched.depth)
        });
        (situations, Reverse(depth), cover.clone())
    }
}
