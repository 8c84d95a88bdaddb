use super::*;

fn pair(from: &str, to: &str) -> Pair {
    (from.to_owned(), to.to_owned())
}

fn classes(sleeping: &[&str], other: &[&str], direct: &[(&str, &str)]) -> Classes {
    let with = |names: &[&str], sleeps: bool| {
        names
            .iter()
            .map(|name| ((*name).to_owned(), sleeps))
            .collect::<Vec<_>>()
    };
    Classes {
        sleeping: with(sleeping, true).into_iter().chain(with(other, false)).collect(),
        direct: direct
            .iter()
            .map(|(from, to)| (pair(from, to), vec!["down_read+0x1/0x2".to_owned()]))
            .collect(),
        distant: BTreeSet::new(),
    }
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
fn what_was_known_before_is_not_asked_for() {
    let before = classes(&["a", "b"], &[], &[("a", "b")]);
    let after = classes(&["a", "b", "c"], &[], &[("a", "b"), ("b", "c")]);
    let found = compare(&before, &after, &traced(&[("b", "c")]), &[], Names::Exact);
    assert_eq!((found.recall.of, found.recall.percent(false)), (1, 100.0));
    let nothing = compare(&before, &after, &traced(&[]), &[], Names::Exact);
    assert_eq!(nothing.recall.percent(true), 0.0);
    assert_eq!(nothing.recall.differ[0].pair, pair("b", "c"));
}

#[test]
fn a_dependency_that_lockdep_has_not_lowers_precision() {
    let before = classes(&["a", "b"], &[], &[]);
    let after = classes(&["a", "b"], &[], &[("a", "b")]);
    let found = compare(&before, &after, &traced(&[("a", "b"), ("b", "a")]), &[], Names::Exact);
    assert_eq!(found.precision.percent(false), 50.0);
    let known = Known {
        only: "tracer".to_owned(),
        from: Some("b".to_owned()),
        reason: "a test".to_owned(),
        ..Known::default()
    };
    let found = compare(
        &before,
        &after,
        &traced(&[("a", "b"), ("b", "a")]),
        &[known],
        Names::Exact,
    );
    assert_eq!(
        (found.precision.percent(true), found.precision.percent(false)),
        (100.0, 50.0)
    );
}

#[test]
fn a_class_that_is_not_compared_may_stand_between() {
    let none = classes(&[], &[], &[]);
    let after = classes(
        &["a", "b", "c"],
        &["kn->active"],
        &[("a", "kn->active"), ("kn->active", "b"), ("a", "c"), ("c", "b")],
    );
    let found = compare(
        &none,
        &after,
        &traced(&[("a", "b"), ("a", "c"), ("c", "b")]),
        &[],
        Names::Exact,
    );
    assert_eq!(found.through, [["a", "kn->active", "b"]]);
    assert_eq!(found.precision.percent(false), 100.0);
    let without = classes(&["a", "b", "c"], &[], &[("a", "c"), ("c", "b")]);
    let found = compare(&none, &without, &traced(&[("a", "b")]), &[], Names::Exact);
    assert_eq!(
        found.precision.percent(false),
        0.0,
        "c is compared: that is another order"
    );
}

#[test]
fn device_locks_and_annotations_are_left_out() {
    let none = classes(&[], &[], &[]);
    let mut after = classes(&["a", "&dev->mutex", "&mm->mmap_lock"], &[], &[("a", "&mm->mmap_lock")]);
    let place = vec!["__might_fault+0x1/0x2".to_owned()];
    after.direct.insert(pair("a", "&mm->mmap_lock"), place);
    let found = compare(&none, &after, &traced(&[("a", "&dev->mutex")]), &[], Names::Exact);
    assert_eq!((found.recall.of, found.precision.of), (0, 0));
    assert_eq!(found.annotated, [pair("a", "&mm->mmap_lock")]);
    let found = compare(&none, &after, &traced(&[("a", "&mm->mmap_lock")]), &[], Names::Exact);
    assert_eq!(
        (found.recall.of, found.annotated.len()),
        (1, 0),
        "it was taken after all"
    );
}

#[test]
fn numbers_and_subclasses_can_be_folded_away() {
    for (name, base) in [
        ("&s->lock#2", "&s->lock"),
        ("&s->lock/1", "&s->lock"),
        ("&s->lock#12/1", "&s->lock"),
        ("a/b", "a/b"),
        ("a#", "a#"),
    ] {
        assert_eq!(folded(name), base);
    }
    let none = classes(&[], &[], &[]);
    let after = classes(&["a#2", "b", "b/1"], &[], &[("a#2", "b/1")]);
    let exact = compare(&none, &after, &traced(&[("a", "b")]), &[], Names::Exact);
    assert_eq!((exact.recall.percent(false), exact.unknown.len()), (0.0, 1));
    let folded = compare(&none, &after, &traced(&[("a", "b")]), &[], Names::Folded);
    assert_eq!(
        (folded.recall.percent(false), folded.precision.percent(false)),
        (100.0, 100.0)
    );
}
