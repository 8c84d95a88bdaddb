//! Which dependencies between classes are new, gone, or not the same.

use super::by_class::{ByClass, Key, Merged};
use super::document::{DependencyChange, DependencyChanges, Place};
use super::place::Known;

pub(super) fn compare(a: &ByClass<'_>, b: &ByClass<'_>) -> DependencyChanges {
    let mut changes = DependencyChanges::default();
    for (key, before) in &a.dependencies {
        match b.dependencies.get(key) {
            None => changes.gone.push(change(key, Some(before), None)),
            Some(after) => {
                changes.places_not_compared += not_compared(before, after) + not_compared(after, before);
                let change = change(key, Some(before), Some(after));
                if !change.changed.is_empty() {
                    changes.changed.push(change);
                }
            }
        }
    }
    let new = b
        .dependencies
        .iter()
        .filter(|(key, _)| !a.dependencies.contains_key(key));
    changes.new = new.map(|(key, after)| change(key, None, Some(after))).collect();
    changes
}

fn change(key: &Key<'_>, a: Option<&Merged<'_>>, b: Option<&Merged<'_>>) -> DependencyChange {
    let (places_new, places_gone) = (only(b, a), only(a, b));
    let (a, b) = (a.map(Merged::side), b.map(Merged::side));
    let mut changed = Vec::new();
    if let (Some(a), Some(b)) = (a, b) {
        let differs = [
            ("places", !places_new.is_empty() || !places_gone.is_empty()),
            ("direct", a.direct != b.direct),
            ("trylock", a.trylock != b.trylock),
        ];
        changed.extend(
            differs
                .into_iter()
                .filter(|(_, differs)| *differs)
                .map(|(what, _)| what.to_string()),
        );
    }
    DependencyChange {
        from: key.from.to_string(),
        from_mode: key.from_mode,
        to: key.to.to_string(),
        to_mode: key.to_mode,
        changed,
        a,
        b,
        places_new,
        places_gone,
    }
}

/// The places of one side that the other has not.
fn only(of: Option<&Merged<'_>>, other: Option<&Merged<'_>>) -> Vec<Place> {
    let places = of.iter().flat_map(|merged| merged.places.iter());
    places
        .filter(|(functions, _)| other.is_none_or(|other| other.places.knows(functions) == Known::No))
        .map(|(_, place)| place.clone())
        .collect()
}

/// How many places of one side the other may have or not.
fn not_compared(of: &Merged<'_>, other: &Merged<'_>) -> u64 {
    let places = of.places.iter();
    let unsure = places.filter(|(functions, _)| other.places.knows(functions) == Known::Perhaps);
    u64::try_from(unsure.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::snapshot::Mode;
    use crate::import::read_from;

    fn compare_traces(a: &str, b: &str) -> DependencyChanges {
        let read = |text: &str| read_from("trace", text.as_bytes()).expect("a trace");
        let (a, b) = (read(a), read(b));
        compare(&ByClass::new(&a), &ByClass::new(&b))
    }

    fn places(places: &[Place]) -> Vec<String> {
        let shown = |frame: &Option<String>| frame.clone().unwrap_or_default();
        places
            .iter()
            .map(|place| format!("{} {}", shown(&place.from_frame), shown(&place.to_frame)))
            .collect()
    }

    #[test]
    fn a_pair_of_classes_is_new_or_gone() {
        let changes = compare_traces(
            "T1|acq(A)|f+0x1\nT1|acq(B)|g+0x2\n",
            "T9|acq(A#x)|f+0x1\nT9|acq(C)|h+0x3\n",
        );
        assert_eq!(
            (changes.new.len(), changes.gone.len(), changes.changed.len()),
            (1, 1, 0)
        );
        let (new, gone) = (&changes.new[0], &changes.gone[0]);
        assert_eq!((new.from.as_str(), new.to.as_str(), new.a), ("A", "C", None));
        assert_eq!(places(&new.places_new), ["f+0x1 h+0x3"]);
        assert_eq!(new.places_new[0].task, "T9");
        assert_eq!((gone.to.as_str(), gone.b), ("B", None));
        assert_eq!(places(&gone.places_gone), ["f+0x1 g+0x2"]);
        assert!(new.changed.is_empty() && new.places_gone.is_empty());
    }

    #[test]
    fn another_mode_is_another_dependency() {
        let changes = compare_traces("T1|acq(A)|f\nT1|acq(B)|g\n", "T1|racq(A)|f\nT1|acq(B)|g\n");
        assert_eq!((changes.new.len(), changes.gone.len()), (1, 1));
        assert_eq!(changes.new[0].from_mode, Mode::Shared);
    }

    #[test]
    fn another_function_is_another_place_and_another_offset_is_not() {
        let a = "T1|acq(A)|f+0x1\nT1|acq(B)|g+0x2\n";
        let changes = compare_traces(a, "T1|acq(A)|f+0x9\nT1|acq(B)|h+0x2\n");
        let changed = &changes.changed[0];
        assert_eq!(changed.changed, ["places"]);
        assert_eq!(places(&changed.places_new), ["f+0x9 h+0x2"]);
        assert_eq!(places(&changed.places_gone), ["f+0x1 g+0x2"]);
        let same = compare_traces(a, "T1|acq(A)|f+0x9\nT1|acq(B)|g.isra.0+0x7/0x20 [mod]\n");
        assert_eq!(same, DependencyChanges::default());
    }

    #[test]
    fn trylock_and_direct_are_properties() {
        let blocking = "T1|acq(A)|f\nT1|acq(B)|g\n";
        let changes = compare_traces(blocking, "T1|try(A)|f\nT1|acq(B)|g\n");
        assert_eq!(changes.changed[0].changed, ["trylock"]);
        assert!(changes.changed[0].b.is_some_and(|side| side.trylock));
        let between = "T1|acq(A)|f\nT1|acq(C)|x\nT1|acq(B)|g\n";
        let changes = compare_traces(blocking, between);
        assert_eq!(changes.changed.len(), 1);
        assert_eq!(changes.changed[0].changed, ["direct"]);
        assert_eq!(changes.new.len(), 2, "A -> C and C -> B");
    }

    #[test]
    fn line_numbers_are_no_functions() {
        let numbers = "T1|acq(A)|12\nT1|acq(B)|13\n";
        assert_eq!(
            compare_traces(numbers, "T1|acq(A)|77\nT1|acq(B)|\n"),
            DependencyChanges::default()
        );
        let changes = compare_traces(numbers, "T1|acq(A)|f\nT1|acq(B)|13\n");
        assert!(changes.changed.is_empty());
        assert_eq!(changes.places_not_compared, 2, "one of each side");
    }
}
