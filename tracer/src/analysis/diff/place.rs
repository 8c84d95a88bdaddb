//! Where a dependency was seen: the function that took the held lock, and the one that requested the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::fingerprint;
use super::super::snapshot::Evidence;
use super::document::Place;

/// The two functions; none where the source does not tell one (a line number, an address without a symbol).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Functions {
    from: Option<String>,
    to: Option<String>,
}

/// Whether a set of places has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has.
    Yes,
    /// It has one without a function that could be it.
    Perhaps,
    /// It has not.
    No,
}

/// The places of a dependency, each with the first piece of evidence as its example.
#[derive(Debug, Default)]
pub(super) struct Places {
    seen: BTreeMap<Functions, Place>,
    from: BTreeSet<Option<String>>,
    to: BTreeSet<Option<String>>,
}

impl Places {
    pub(super) fn add(&mut self, evidence: &Evidence) {
        let (functions, place) = of(evidence);
        self.from.insert(functions.from.clone());
        self.to.insert(functions.to.clone());
        self.seen.entry(functions).or_insert(place);
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Functions, &Place)> {
        self.seen.iter()
    }

    /// A function that is not known can be any. Where no place is known at all (`/proc/lockdep` has none), any can be meant.
    pub(super) fn knows(&self, functions: &Functions) -> Known {
        let Functions { from, to } = functions;
        let has = |from: Option<&String>, to: Option<&String>| {
            self.seen.contains_key(&Functions {
                from: from.cloned(),
                to: to.cloned(),
            })
        };
        if self.seen.contains_key(functions) {
            return Known::Yes;
        }
        let perhaps = self.seen.is_empty()
            || match (from, to) {
                (Some(from), Some(to)) => has(Some(from), None) || has(None, Some(to)) || has(None, None),
                (None, to @ Some(_)) => self.to.contains(to) || self.to.contains(&None),
                (from @ Some(_), None) => self.from.contains(from) || self.from.contains(&None),
                (None, None) => true,
            };
        if perhaps { Known::Perhaps } else { Known::No }
    }
}

/// The functions of a piece of evidence, and the frames that they are from.
pub(super) fn of(evidence: &Evidence) -> (Functions, Place) {
    let (from, from_frame) = innermost(&evidence.from_stack);
    let (to, to_frame) = innermost(&evidence.to_stack);
    let place = Place {
        from_function: from.clone(),
        to_function: to.clone(),
        from_frame,
        to_frame,
        task: evidence.task.clone(),
        origin: evidence.origin.clone(),
    };
    (Functions { from, to }, place)
}

/// The innermost function that is no locking primitive, and its frame; without one, the innermost frame.
fn innermost(stack: &[Arc<str>]) -> (Option<String>, Option<String>) {
    match fingerprint::innermost(stack) {
        Some((function, frame)) => (Some(function.to_owned()), Some(frame.to_owned())),
        None => (None, stack.first().map(ToString::to_string)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(from: &str, to: &str) -> Functions {
        let known = |name: &str| (!name.is_empty()).then(|| name.to_string());
        Functions {
            from: known(from),
            to: known(to),
        }
    }

    fn evidence(from: &[&str], to: &[&str]) -> Evidence {
        Evidence {
            task: "task".to_string(),
            pid: None,
            held: Vec::new(),
            from_stack: from.iter().copied().map(Arc::from).collect(),
            to_stack: to.iter().copied().map(Arc::from).collect(),
            origin: None,
            window: None,
            time_ns: 0,
        }
    }

    #[test]
    fn a_place_is_functions_and_shows_whole_frames() {
        let (functions, place) = of(&evidence(
            &["mutex_lock+0x1/0x2", "foo.isra.0+0x1c/0x80 [mod]", "bar+0x1/0x2"],
            &["120"],
        ));
        assert_eq!(functions, self::functions("foo", ""));
        assert_eq!(place.from_frame.as_deref(), Some("foo.isra.0+0x1c/0x80 [mod]"));
        assert_eq!(place.to_frame.as_deref(), Some("120"), "a line number is shown");
    }

    #[test]
    fn what_is_not_known_can_be_anything() {
        let mut places = Places::default();
        assert_eq!(places.knows(&functions("f", "g")), Known::Perhaps, "no place at all");
        places.add(&evidence(&["f"], &["g"]));
        places.add(&evidence(&["h"], &["12"]));
        for (from, to, expected) in [
            ("f", "g", Known::Yes),
            ("h", "", Known::Yes),
            ("h", "g", Known::Perhaps),
            ("h", "x", Known::Perhaps),
            ("", "g", Known::Perhaps),
            ("", "x", Known::Perhaps),
            ("f", "", Known::Perhaps),
            ("", "", Known::Perhaps),
            ("f", "x", Known::No),
            ("x", "g", Known::No),
            ("x", "", Known::No),
        ] {
            assert_eq!(places.knows(&functions(from, to)), expected, "{from} {to}");
        }
    }

    #[test]
    fn either_side_may_not_know_and_both_agree_on_it() {
        let names = ["", "f", "g"];
        let all: Vec<_> = names.iter().flat_map(|from| names.map(|to| (*from, to))).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let one = |(from, to): &(&str, &str)| {
                let mut places = Places::default();
                places.add(&evidence(&[from], &[to]));
                places
            };
            let there = one(a).knows(&functions(b.0, b.1));
            assert_eq!(there, one(b).knows(&functions(a.0, a.1)), "{a:?} {b:?}");
        }
    }
}
