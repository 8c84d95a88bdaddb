//! The smallest sets that cover all cycles: of each cycle at least one side, of that side all evidence.

use std::collections::BTreeSet;

use super::cycle::Cycle;
use super::way::{Alternatives, Way, is_gone};

/// Steps of one search. The problem is a hitting set, which is NP-hard (Karp, 1972); lock graphs have small ones.
const MAX_STEPS: usize = 20_000;

/// Covers of the smallest size that are collected.
const MAX_COVERS: usize = 256;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// All of the same size.
    pub(super) covers: Vec<BTreeSet<Way>>,
    /// No smaller ones exist.
    pub(super) complete: bool,
}

/// Searches size by size, so that the first covers are the smallest; when that takes too long, what a greedy choice gives.
pub(super) fn smallest(cycles: &[Cycle]) -> Cover {
    let mut search = Search {
        cycles,
        steps: 0,
        found: BTreeSet::new(),
    };
    for size in 1.. {
        search.extend(&mut BTreeSet::new(), size);
        if !search.found.is_empty() {
            let covers = search.found.into_iter().collect();
            return Cover { covers, complete: true };
        }
        if search.steps >= MAX_STEPS || size > cycles.len() * 64 {
            break;
        }
    }
    Cover {
        covers: greedy(cycles).into_iter().collect(),
        complete: false,
    }
}

struct Search<'a> {
    cycles: &'a [Cycle],
    steps: usize,
    found: BTreeSet<BTreeSet<Way>>,
}

impl Search<'_> {
    /// A cover has to take out some side of the first cycle that is not covered, so some way for the first evidence of that side.
    fn extend(&mut self, chosen: &mut BTreeSet<Way>, more: usize) {
        self.steps += 1;
        let Some(open) = self.cycles.iter().find(|cycle| !cycle.is_covered_by(chosen)) else {
            self.found.insert(chosen.clone());
            return;
        };
        if more == 0 {
            return;
        }
        let next = |ways: &&Alternatives| !is_gone(ways, chosen);
        let ways = open.sides.iter().filter_map(|side| side.evidence.iter().find(next));
        let ways: BTreeSet<_> = ways.flatten().copied().collect();
        for way in ways {
            if self.steps >= MAX_STEPS || self.found.len() >= MAX_COVERS {
                return;
            }
            chosen.insert(way);
            self.extend(chosen, more - 1);
            chosen.remove(&way);
        }
    }
}

/// Takes out, one after the other, what covers the most cycles that are left.
fn greedy(cycles: &[Cycle]) -> Option<BTreeSet<Way>> {
    let mut chosen = BTreeSet::new();
    while let Some(open) = cycles.iter().find(|cycle| !cycle.is_covered_by(&chosen)) {
        let side = open.sides.iter().min_by_key(|side| side.evidence.len())?;
        for ways in &side.evidence {
            let hits = |way: &&Way| {
                let of = |cycle: &&Cycle| {
                    let mut evidence = cycle.sides.iter().flat_map(|side| &side.evidence);
                    evidence.any(|ways| ways.contains(way))
                };
                cycles.iter().filter(of).count()
            };
            if !is_gone(ways, &chosen) {
                chosen.insert(*ways.iter().max_by_key(hits)?);
            }
        }
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::breaks::cycle::Side;

    /// Sides by `|`, evidence by `,`, ways by letter.
    fn cycle(text: &str) -> Cycle {
        let ways = |text: &str| text.chars().map(|way| Way(way.into())).collect();
        Cycle {
            sides: text
                .split('|')
                .map(|side| Side::new(side.split(',').map(ways).collect()))
                .collect(),
            classes: BTreeSet::new(),
        }
    }

    fn covers(cycles: &[&str]) -> Vec<String> {
        let cycles: Vec<_> = cycles.iter().map(|text| cycle(text)).collect();
        let Cover { covers, complete } = smallest(&cycles);
        assert!(complete);
        let text = |cover: BTreeSet<Way>| cover.iter().filter_map(|way| char::from_u32(way.0)).collect();
        covers.into_iter().map(text).collect()
    }

    #[test]
    fn one_cycle_breaks_at_any_acquisition_of_a_side_that_has_one() {
        assert_eq!(covers(&["ab|cd"]), ["a", "b", "c", "d"]);
        assert_eq!(covers(&["ab,ac|de,fg"]), ["a"], "both pieces of evidence must go");
        assert_eq!(covers(&["ab,cd|ef,gh"]).len(), 8);
    }

    #[test]
    fn what_two_cycles_share_breaks_both() {
        assert_eq!(covers(&["ab|cd", "ce|fg"]), ["c"]);
        assert_eq!(covers(&["a|b", "c|d"]), ["ac", "ad", "bc", "bd"]);
    }

    #[test]
    fn too_many_to_try_are_covered_all_the_same() {
        let cycles: Vec<_> = (0..40).map(wide).collect();
        let Cover { covers, complete } = smallest(&cycles);
        assert!(!complete);
        let cover = covers.first().expect("a cover");
        assert!(cycles.iter().all(|cycle| cycle.is_covered_by(cover)));
    }

    /// A cycle that shares nothing with the others.
    fn wide(number: u32) -> Cycle {
        let way = |side: u32| Alternatives::from_iter([Way(number * 4 + side)]);
        Cycle {
            sides: (0..4).map(|side| Side::new(BTreeSet::from([way(side)]))).collect(),
            classes: BTreeSet::new(),
        }
    }
}
