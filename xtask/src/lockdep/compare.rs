//! Lockdep's dependencies held against the tracer's: recall, precision, and every difference.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    known::Known,
    proc_lockdep::{Classes, Pair},
    traced::Traced,
};

/// Not validated by lockdep: `device_initialize()`, drivers/base/core.c.
const NOT_VALIDATED: &str = "&dev->mutex";

/// Functions that tell lockdep of a lock without taking it: a request that may happen there (`might_lock()`).
const ANNOTATIONS: [&str; 1] = ["__might_fault"];

/// A dependency that only one of the two has.
#[derive(Debug)]
pub struct Difference {
    /// Which.
    pub pair: Pair,
    /// Where it was found: frames, the task first where it is known.
    pub place: Vec<String>,
    /// What else is to be said of it.
    pub remark: Option<String>,
    /// Why it is so, where that is known.
    pub reason: Option<String>,
}

/// One of the two figures.
#[derive(Debug, Default)]
pub struct Figure {
    /// How many dependencies it is about.
    pub of: usize,
    /// And of those, which the other side has not.
    pub differ: Vec<Difference>,
}

impl Figure {
    /// The part that agrees, in percent; known differences agree when `with_known`. 0 of nothing: then nothing was compared.
    pub fn percent(&self, with_known: bool) -> f64 {
        if self.of == 0 {
            return 0.0;
        }
        let differ = self.differ.iter().filter(|one| !(with_known && one.reason.is_some()));
        100.0 * (self.of - differ.count()) as f64 / self.of as f64
    }
}

/// The comparison of one run.
#[derive(Debug)]
pub struct Comparison {
    /// Of lockdep's new dependencies, those that the tracer has.
    pub recall: Figure,
    /// Of the tracer's dependencies, those that lockdep has.
    pub precision: Figure,
    /// Dependencies of lockdep that come from an annotation: no lock was taken.
    pub annotated: Vec<Pair>,
    /// Dependencies of the tracer that lockdep has through a class that is no mutex or rwsem: the path.
    pub through: Vec<Vec<String>>,
    /// Classes of the tracer that lockdep does not have.
    pub unknown: BTreeSet<String>,
}

/// Compares what came in a run: `new` has what lockdep found in it, `all` has what it knows at its end.
pub fn compare(new: &Classes, all: &Classes, traced: &Traced, known: &[Known]) -> Comparison {
    let compared = |name: &str| name != NOT_VALIDATED && all.sleeping.get(name).is_some_and(|sleeps| *sleeps);
    let both = |(from, to): &Pair| compared(from) && compared(to);

    let (mut recall, mut annotated, mut missed) = (0, Vec::new(), Vec::new());
    for (pair, found) in new.found.iter().filter(|(pair, _)| both(pair)) {
        let has = traced.direct.contains_key(pair);
        let mut functions = found.place.iter().map(|frame| function(frame));
        if !has && functions.any(|function| ANNOTATIONS.contains(&function)) {
            annotated.push(pair.clone());
            continue;
        }
        recall += 1;
        if !has {
            let remark = traced
                .distant
                .contains(pair)
                .then(|| "the tracer has it with another lock in between".to_owned());
            missed.push(difference("lockdep", pair, &found.place, remark, known));
        }
    }

    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in all.found.keys() {
        next.entry(from).or_default().push(to);
    }
    let (mut through, mut differ, mut of) = (Vec::new(), Vec::new(), 0);
    for (pair, place) in traced.direct.iter().filter(|(pair, _)| both(pair)) {
        of += 1;
        if all.found.contains_key(pair) {
            continue;
        }
        match path(&next, pair, &compared) {
            Some(path) => through.push(path),
            None => differ.push(difference("tracer", pair, place, None, known)),
        }
    }
    let unknown = traced.classes.iter().filter(|class| !all.sleeping.contains_key(*class));
    Comparison {
        recall: Figure {
            of: recall,
            differ: missed,
        },
        precision: Figure { of, differ },
        annotated,
        through,
        unknown: unknown.cloned().collect(),
    }
}

fn difference(only: &str, pair: &Pair, place: &[String], remark: Option<String>, known: &[Known]) -> Difference {
    Difference {
        pair: pair.clone(),
        place: place.to_vec(),
        remark,
        reason: known
            .iter()
            .find(|known| known.explains(only, pair, place))
            .map(|known| known.reason.clone()),
    }
}

/// The function of a frame: `devl_lock+0x1c/0x20 [devlink]` is in `devl_lock`.
pub fn function(frame: &str) -> &str {
    frame.split('+').next().unwrap_or(frame).trim()
}

/// The way from one class to another over classes that are not compared, if there is one.
fn path(next: &BTreeMap<&str, Vec<&str>>, (from, to): &Pair, compared: &impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([from.as_str()]);
    while let Some(at) = queue.pop_front() {
        for &step in next.get(at).into_iter().flatten() {
            if step == to {
                let mut path = vec![to.clone(), at.to_owned()];
                let mut back = at;
                while let Some(&before) = came_from.get(back) {
                    path.push(before.to_owned());
                    back = before;
                }
                path.reverse();
                return Some(path);
            }
            if !compared(step) && step != NOT_VALIDATED && step != from && !came_from.contains_key(step) {
                came_from.insert(step, at);
                queue.push_back(step);
            }
        }
    }
    None
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
