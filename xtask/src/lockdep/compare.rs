//! Lockdep's dependencies held against the tracer's: recall, precision, and every difference.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{known::Known, proc_lockdep::Classes, traced::Traced};

/// A dependency: class held, class requested.
pub type Pair = (String, String);

/// Not validated by lockdep: `device_initialize()`, drivers/base/core.c.
const NOT_VALIDATED: &str = "&dev->mutex";

/// Functions that tell lockdep of a lock without taking it: a request that may happen there (`might_lock()`).
const ANNOTATIONS: [&str; 1] = ["__might_fault"];

/// How names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// As they are.
    Exact,
    /// Without the number of classes of one name (`#2`) and without the subclass (`/1`).
    Folded,
}

impl Names {
    fn of(self, name: &str) -> String {
        match self {
            Self::Exact => name.to_owned(),
            Self::Folded => folded(name).to_owned(),
        }
    }

    fn pair(self, (from, to): &Pair) -> Pair {
        (self.of(from), self.of(to))
    }
}

/// `&s->lock#2/1` is `&s->lock`.
fn folded(name: &str) -> &str {
    ['/', '#']
        .into_iter()
        .fold(name, |name, mark| match name.rsplit_once(mark) {
            Some((base, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => base,
            _ => name,
        })
}

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
    /// How names were compared.
    pub names: Names,
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

/// Compares what came in a run: `before` and `after` are lockdep's view at its beginning and at its end.
pub fn compare(before: &Classes, after: &Classes, traced: &Traced, known: &[Known], names: Names) -> Comparison {
    let sleeps: BTreeMap<String, bool> = after
        .sleeping
        .iter()
        .map(|(name, sleeps)| (names.of(name), *sleeps))
        .collect();
    let compared = |name: &str| name != NOT_VALIDATED && sleeps.get(name).is_some_and(|sleeps| *sleeps);
    let direct: BTreeMap<Pair, &Vec<String>> = fold(traced.direct.iter(), names);
    let distant: BTreeSet<Pair> = traced.distant.iter().map(|pair| names.pair(pair)).collect();

    let (mut recall, mut annotated) = (BTreeMap::new(), BTreeSet::new());
    for (pair, place) in &after.direct {
        let folded = names.pair(pair);
        if before.direct.contains_key(pair) || !compared(&folded.0) || !compared(&folded.1) {
            continue;
        }
        if !direct.contains_key(&folded) && place.iter().any(|frame| ANNOTATIONS.contains(&function(frame))) {
            annotated.insert(folded);
        } else {
            recall.insert(folded, place);
        }
    }
    annotated.retain(|pair| !recall.contains_key(pair));
    let missed = recall.iter().filter(|(pair, _)| !direct.contains_key(*pair));
    let missed = missed.map(|(pair, place)| {
        let remark = distant
            .contains(pair)
            .then(|| "the tracer has it with another lock in between".to_owned());
        difference("lockdep", pair, place, remark, known)
    });

    let listed: BTreeSet<Pair> = after
        .direct
        .keys()
        .chain(&after.distant)
        .map(|pair| names.pair(pair))
        .collect();
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in &listed {
        next.entry(from).or_default().push(to);
    }
    let (mut through, mut differ, mut of) = (Vec::new(), Vec::new(), 0);
    for (pair, place) in &direct {
        if !compared(&pair.0) || !compared(&pair.1) {
            continue;
        }
        of += 1;
        if listed.contains(pair) {
            continue;
        }
        match path(&next, pair, &compared) {
            Some(path) => through.push(path),
            None => differ.push(difference("tracer", pair, place, None, known)),
        }
    }
    let traced_names = traced.classes.iter().map(|class| names.of(class));
    Comparison {
        names,
        recall: Figure {
            of: recall.len(),
            differ: missed.collect(),
        },
        precision: Figure { of, differ },
        annotated: annotated.into_iter().collect(),
        through,
        unknown: traced_names.filter(|class| !sleeps.contains_key(class)).collect(),
    }
}

fn fold<'a>(pairs: impl Iterator<Item = (&'a Pair, &'a Vec<String>)>, names: Names) -> BTreeMap<Pair, &'a Vec<String>> {
    let mut all = BTreeMap::new();
    for (pair, place) in pairs {
        all.entry(names.pair(pair)).or_insert(place);
    }
    all
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
