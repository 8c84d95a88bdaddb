use super::*;
use crate::lockdep::proc_lockdep::Found;

fn pair(from: &str, to: &str) -> Pair {
    (from.to_owned(), to.to_owned())
}

fn classes(sleeping: &[&str], other: &[&str], found: &[(&str, &str)]) -> Classes {
    let mut classes = Classes::default();
    for (names, sleeps) in [(sleeping, true), (other, false)] {
        classes
            .sleeping
            .extend(names.iter().map(|name| ((*name).to_owned(), sleeps)));
    }
    for (from, to) in found {
        let place = vec!["down_read+0x1/0x2".to_owned()];
        classes.found.insert(pair(from, to), Found { direct: true, place });
    }
    classes
}

fn traced(direct: &[(&str, &str)]) -> Traced {
    Traced {
        direct: direct.iter().map(|(from, to)| (pair(from, to), Vec::new())).collect(),
        classes: direct
            .iter()
            .flat_map(|(from, to)| [(*from).to_owned(), (*to).to_owned()])
            .collect(),
        ..Traced::default()
    }
}

#[test]
fn a_dependency_that_the_tracer_has_not_lowers_recall() {
    let all = classes(&["a", "b", "c"], &[], &[("a", "b"), ("b", "c")]);
    let new = classes(&[], &[], &[("b", "c")]);
    let found = compare(&new, &all, &traced(&[("b", "c")]), &[]);
    assert_eq!((found.recall.of, found.recall.percent(false)), (1, 100.0));
    let nothing = compare(&new, &all, &traced(&[]), &[]);
    assert_eq!(nothing.recall.percent(true), 0.0);
    assert_eq!(nothing.recall.differ[0].pair, pair("b", "c"));
}

#[test]
fn a_dependency_that_lockdep_has_not_lowers_precision() {
    let all = classes(&["a", "b"], &[], &[("a", "b")]);
    let traced = traced(&[("a", "b"), ("b", "a")]);
    let found = compare(&all, &all, &traced, &[]);
    assert_eq!(found.precision.percent(false), 50.0);
    let known = Known {
        only: "tracer".to_owned(),
        from: Some("b".to_owned()),
        reason: "a test".to_owned(),
        ..Known::default()
    };
    let found = compare(&all, &all, &traced, &[known]);
    assert_eq!(
        (found.precision.percent(true), found.precision.percent(false)),
        (100.0, 50.0)
    );
}

#[test]
fn a_class_that_is_not_compared_may_stand_between() {
    let all = classes(
        &["a", "b", "c"],
        &["kn->active"],
        &[("a", "kn->active"), ("kn->active", "b"), ("a", "c"), ("c", "b")],
    );
    let found = compare(&all, &all, &traced(&[("a", "b"), ("a", "c"), ("c", "b")]), &[]);
    assert_eq!(found.through, [["a", "kn->active", "b"]]);
    assert_eq!(found.precision.percent(false), 100.0);
    let without = classes(&["a", "b", "c"], &[], &[("a", "c"), ("c", "b")]);
    let found = compare(&without, &without, &traced(&[("a", "b")]), &[]);
    assert_eq!(
        found.precision.percent(false),
        0.0,
        "c is compared: that is another order"
    );
}

#[test]
fn device_locks_and_annotations_are_left_out() {
    let mut all = classes(&["a", "&dev->mutex", "&mm->mmap_lock"], &[], &[("a", "&mm->mmap_lock")]);
    let found = all.found.get_mut(&pair("a", "&mm->mmap_lock")).unwrap();
    found.place = vec!["__might_fault+0x1/0x2".to_owned()];
    let found = compare(&all, &all, &traced(&[("a", "&dev->mutex")]), &[]);
    assert_eq!((found.recall.of, found.precision.of), (0, 0));
    assert_eq!(found.annotated, [pair("a", "&mm->mmap_lock")]);
    let found = compare(&all, &all, &traced(&[("a", "&mm->mmap_lock")]), &[]);
    assert_eq!(
        (found.recall.of, found.annotated.len()),
        (1, 0),
        "it was taken after all"
    );
}
