//! The rows of lockdep's own self-test (`lib/locking-selftest.c`), and cases that lockdep has no row for.
//!
//! Each row is judged twice: as tracer does, and as lockdep does (`--lockdep`).

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{lines, permutations, read, read_as_lockdep};

/// What a row must give, in every order of its lines. `_` in the expectation stands for the verdict of its column.
fn check(row: &str, notation: &str, column: &str, expected: &[&str]) {
    for trace in permutations(notation, column) {
        assert_eq!(lines(&read(&trace)), expected, "row {row}, column {column}:\n{trace}");
    }
}

/// What lockdep says of a row, in every order of its lines: at class level only, and all of it an error.
fn check_lockdep(row: &str, notation: &str, column: &str, expected: &[&str]) {
    for trace in permutations(notation, column) {
        let snapshot = read_as_lockdep(&trace);
        assert_eq!(
            lines(&snapshot),
            expected,
            "row {row}, column {column}, lockdep:\n{trace}"
        );
        let cycles = snapshot.findings.iter().filter(|finding| finding.verdict.is_some());
        assert!(
            cycles.into_iter().all(|finding| finding.level == "class"),
            "row {row}, lockdep"
        );
    }
}

/// A row in its three columns: all mutexes, all for write, all for read.
fn columns(row: &str, notation: &str, locks: &str) {
    for column in ["M", "W"] {
        let found = format!("inversion possible error {locks}");
        check(row, notation, column, &[&found]);
        check_lockdep(row, notation, column, &[&found]);
    }
    let found = format!("inversion needs-writer warning {locks}");
    check(row, notation, "R", &[&found]);
    check_lockdep(row, notation, "R", &[&found.replace("warning", "error")]);
}

#[test]
fn rows_1_to_3_are_of_class_level() {
    for column in ["M", "W", "R"] {
        check("1-3", "T1: X#1 X#2", column, &["recursion single-task note X"]);
        let verdict = if column == "R" { "needs-writer" } else { "certain" };
        check_lockdep("1-3", "T1: X#1 X#2", column, &[&format!("recursion {verdict} error X")]);
    }
    let level = |trace: &str| read(&support::trace(trace, "M")).findings[0].level.clone();
    assert_eq!(level("T1: X#1 X#2"), "class");
    // Nested the other way round as well, it is a matter of the two objects.
    check(
        "both",
        "T1: X#1 X#2 / T2: X#2 X#1",
        "M",
        &["inversion possible error X#1 X#2"],
    );
    assert_eq!(level("T1: X#1 X#2 / T2: X#2 X#1"), "instance");
    check("other classes", "T1: X#1 Y#1", "M", &[]);
}

#[test]
fn rows_4_to_21_are_cycles() {
    columns("4-6", "T1: A B / T2: B A", "A B");
    columns("7-9", "T1: A B / T2: B C / T3: C A", "A B C");
    columns("10-12", "T1: A B / T2: C A / T3: B C", "A B C");
    columns("13-15", "T1: A B / T2: B C / T3: C D / T4: D A", "A B C D");
    columns("16-18", "T1: A B / T2: C D / T3: B D / T4: D A", "A B D");
    columns("19-21", "T1: A B / T2: C D / T3: B C / T4: D A", "A B C D");
}

#[test]
fn rows_22_to_24_are_double_unlocks() {
    check_lockdep("22", "T1| acq(A) rel(A) rel(A)", "M", &["unlock-imbalance - error A"]);
    check("22", "T1| acq(A) rel(A) rel(A)", "M", &["unlock-imbalance - error A"]);
    check(
        "24",
        "T1| racq(A) rrel(A) rrel(A)",
        "M",
        &["unlock-imbalance - error A"],
    );
    check(
        "taken twice",
        "T1| racq(A) racq(A) rrel(A) rrel(A)",
        "M",
        &["recursion needs-writer warning A"],
    );
    check("released once each", "T1| acq(A) rel(A) acq(A) rel(A)", "M", &[]);
}

#[test]
fn rows_25_to_27_initialise_a_held_lock() {
    check_lockdep("25", "T1| acq(A) init(A)", "M", &["init-held - error A"]);
    check("25", "T1| acq(A) init(A)", "M", &["init-held - error A"]);
    check("27", "T1| racq(A) init(A)", "M", &["init-held - error A"]);
    check("before", "T1| init(A) acq(A) rel(A) init(A)", "M", &[]);
}

#[test]
fn rows_28_to_31_are_recursive_reads() {
    check("28", "T1: R(X#1) R(X#1)", "R", &["recursion needs-writer warning X#1"]);
    check_lockdep("28", "T1: R(X#1) R(X#1)", "R", &["recursion needs-writer error X"]);
    for (row, notation, verdict) in [
        ("29", "T1: R(X#1) R(X#2)", "needs-writer"),
        ("30", "T1: R(X#1) W(X#2)", "certain"),
        ("31", "T1: W(X#1) R(X#2)", "certain"),
    ] {
        check(row, notation, "R", &["recursion single-task note X"]);
        check_lockdep(row, notation, "R", &[&format!("recursion {verdict} error X")]);
    }
}

#[test]
fn rows_32_to_34_mix_mutexes_and_rwsems() {
    check(
        "32",
        "T1: R(X#1) M(Y#1) / T2: M(Y#1) W(X#1)",
        "M",
        &["inversion possible error X#1 Y#1"],
    );
    check(
        "33",
        "T1: R(X#1) M(Y#1) / T2: M(Y#1) R(X#1)",
        "M",
        &["inversion needs-writer warning X#1 Y#1"],
    );
    check(
        "34",
        "T1: W(X#1) M(Y#1) / T2: M(Y#1) W(X#1)",
        "M",
        &["inversion possible error X#1 Y#1"],
    );
    for (row, notation, verdict) in [
        ("32", "T1: R(X#1) M(Y#1) / T2: M(Y#1) W(X#1)", "possible"),
        ("33", "T1: R(X#1) M(Y#1) / T2: M(Y#1) R(X#1)", "needs-writer"),
        ("34", "T1: W(X#1) M(Y#1) / T2: M(Y#1) W(X#1)", "possible"),
    ] {
        check_lockdep(row, notation, "M", &[&format!("inversion {verdict} error X Y")]);
    }
}

#[test]
fn row_35_is_plain_nesting() {
    check("35", "T1: M(A) M(B)", "M", &[]);
    check_lockdep("35", "T1: M(A) M(B)", "M", &[]);
}

#[test]
fn recursive_readers_follow_the_strong_path_rule() {
    let found: &[&str] = &["inversion possible error 1 2 3"];
    for (row, notation, expected) in [
        (
            "W1R2 W2R3 W3R1",
            "T1: W(1) RR(2) / T2: W(2) RR(3) / T3: W(3) RR(1)",
            found,
        ),
        (
            "W1W2 R2R3 W3R1",
            "T1: W(1) W(2) / T2: RR(2) RR(3) / T3: W(3) RR(1)",
            found,
        ),
        (
            "W1W2 R2R3 R3W1",
            "T1: W(1) W(2) / T2: RR(2) RR(3) / T3: RR(3) W(1)",
            &[],
        ),
        (
            "W1R2 R2R3 W3W1",
            "T1: W(1) RR(2) / T2: RR(2) RR(3) / T3: W(3) W(1)",
            &[],
        ),
    ] {
        check(row, notation, "M", expected);
        check_lockdep(row, notation, "M", expected);
    }
}

#[test]
fn modes_of_recursion() {
    check("X->X", "T1: W(A) W(A)", "M", &["recursion certain critical A"]);
    check("S->X", "T1: R(A) W(A)", "M", &["recursion certain critical A"]);
    check("X->S", "T1: W(A) R(A)", "M", &["recursion certain critical A"]);
    check("RR->RR", "T1: RR(A) RR(A)", "M", &[]);
    check("RR->X", "T1: RR(A) W(A)", "M", &["recursion certain critical A"]);
    check("X->RR", "T1: W(A) RR(A)", "M", &["recursion certain critical A"]);
    check("try", "T1: W(A) rtry(A)", "M", &[]);
    check(
        "other instance",
        "T1: W(A#1) W(A#2)",
        "M",
        &["recursion single-task note A"],
    );
}

#[test]
fn n1_a_common_lock_guards() {
    let snapshot = read(&support::trace("T1: G A B / T2: G B A", "M"));
    assert_eq!(lines(&snapshot), ["inversion guarded note A B"]);
    assert!(
        snapshot.findings[0].reason.contains("guarded by G"),
        "{}",
        snapshot.findings[0].reason
    );
    check(
        "somebody without it",
        "T1: G A B / T2: G B A / T3: B A",
        "M",
        &["inversion possible error A B"],
    );
    check(
        "another object",
        "T1: G#1 A B / T2: G#2 B A",
        "M",
        &["inversion possible error A B"],
    );
}

#[test]
fn n2_one_task_is_not_two() {
    check("N2", "T1: A B / T1: B A", "M", &["inversion single-task note A B"]);
    check(
        "two of three sides",
        "T1: A B / T1: B C / T2: C A",
        "M",
        &["inversion single-task note A B C"],
    );
    check(
        "and another one",
        "T1: A B / T1: B A / T2: B A",
        "M",
        &["inversion possible error A B"],
    );
}

#[test]
fn n3_what_is_queued_and_waited_for_comes_after() {
    let trace = |last: &str| {
        let queued = "T1| acq(A) acq(B) rel(B) rel(A) queue(W) flush(W)";
        let run = "T2| begin(W) acq(B) acq(A) rel(A) rel(B) end(W)";
        read(&support::trace(&format!("{queued} / {run}{last}"), "M"))
    };
    assert_eq!(lines(&trace("")), ["inversion ordered note A B"]);
    let reason = trace("").findings[0].reason.clone();
    assert!(reason.starts_with("ordered by the queueing of W"), "{reason}");
    // Once more, and nothing orders it.
    let once_more = " / T1| queue(W) acq(A) acq(B) rel(B) rel(A) / T2| begin(W) acq(B) acq(A) rel(A) rel(B) end(W)";
    assert_eq!(lines(&trace(once_more)), ["inversion possible error A B"]);
    // Waited for before the next time.
    let again = " / T1| acq(A) acq(B) rel(B) rel(A)";
    assert_eq!(lines(&trace(again)), ["inversion ordered note A B"]);
}

#[test]
fn fork_and_join_order() {
    let child = "T2: B A";
    check(
        "before",
        &format!("T1| acq(A) acq(B) rel(B) rel(A) / {child}"),
        "M",
        &["inversion possible error A B"],
    );
    let ordered = ["inversion ordered note A B"];
    let lines_of = |trace: &str| lines(&read(&support::trace(trace, "M")));
    assert_eq!(
        lines_of(&format!("T1| acq(A) acq(B) rel(B) rel(A) fork(T2) / {child}")),
        ordered
    );
    assert_eq!(
        lines_of(&format!(
            "T1| fork(2) / {child} / T1| join(2) acq(A) acq(B) rel(B) rel(A)"
        )),
        ordered
    );
    let between = format!("T1| fork(2) acq(A) acq(B) rel(B) rel(A) / {child} / T1| join(2)");
    assert_eq!(lines_of(&between), ["inversion possible error A B"]);
    // Who is started and waited for under a lock is guarded by it.
    let guarded = format!("T1| acq(G) fork(2) / {child} / T1| join(2) rel(G) / T3: G A B");
    assert_eq!(lines_of(&guarded), ["inversion guarded note A B"]);
    let unguarded = format!("T1| acq(G) fork(2) rel(G) / {child} / T3: G A B");
    assert_eq!(lines_of(&unguarded), ["inversion possible error A B"]);
}

#[test]
fn what_is_waited_for_is_a_node() {
    let work = "T2| begin(W) acq(A) rel(A) end(W)";
    check(
        "flush",
        &format!("T1| acq(A) flush(W) rel(A) / {work}"),
        "M",
        &["wait-inversion possible error A W"],
    );
    check(
        "flush without",
        &format!("T1| acq(A) rel(A) flush(W) / {work}"),
        "M",
        &[],
    );
    let lines_of = |trace: &str| lines(&read(&support::trace(trace, "M")));
    let waited = format!("T1| queue(W) / {work} / T1| flush(W) acq(A) flush(W) rel(A)");
    assert_eq!(lines_of(&waited), ["wait-inversion ordered note A W"]);
    let join = "T1| acq(A) join(2) rel(A)";
    assert_eq!(
        lines_of(&format!("T2: A / {join}")),
        ["wait-inversion possible error A T2"]
    );
    assert_eq!(lines_of(&format!("T2: B / {join}")), [""; 0]);
    check(
        "completion",
        "T1| acq(A) wait(C) rel(A) / T2| acq(A) rel(A) wake(C)",
        "M",
        &["wait-inversion possible error A C"],
    );
    check(
        "completed before",
        "T1| acq(A) wait(C) rel(A) / T2| wake(C) acq(A) rel(A)",
        "M",
        &[],
    );
    // The condition that goes with a lock gives it back.
    check(
        "condition",
        "T1| acq(11) wait(11) rel(11) / T2| acq(11) notify(11) rel(11)",
        "M",
        &[],
    );
}

#[test]
fn a_work_item_that_ends_with_a_lock_leaks_it() {
    check("leak", "T1| begin(W) acq(A) end(W)", "M", &["leaked-hold - error A"]);
    check("no leak", "T1| begin(W) acq(A) rel(A) end(W)", "M", &[]);
}

#[test]
fn who_waits_at_the_end_is_deadlocked_or_not() {
    let read = |trace: &str| read(&support::trace(trace, "M"));
    let snapshot = read("T1| acq(A) / T2| acq(B) / T1| req(B) / T2| req(A) / T3| req(A)");
    assert_eq!(lines(&snapshot), ["deadlock deadlock critical A B"]);
    let waits: Vec<_> = snapshot
        .waits
        .iter()
        .map(|wait| (wait.task.as_str(), wait.in_circle, wait.finding))
        .collect();
    assert_eq!(
        waits,
        [("T1", true, Some(1)), ("T2", true, Some(1)), ("T3", false, Some(1))]
    );
    assert_eq!(snapshot.waits[2].on, ["T1"]);
    let alone = read("T1| racq(A) req(A)");
    assert_eq!(lines(&alone), ["deadlock deadlock critical A"]);
    let readers = "T1| racq(A) / T2| acq(B) / T1| req(B)";
    assert_eq!(
        lines(&read(&format!("{readers} / T3| req(A) / T2| rreq(A)"))),
        ["deadlock deadlock critical A B"]
    );
    let granted = read(&format!("{readers} / T2| racq(A) rrel(A) rel(B) / T1| acq(B) rel(B)"));
    assert_eq!(lines(&granted), ["inversion needs-writer warning A B"]);
    assert!(granted.waits.is_empty());
    let flush = read("T1| acq(A) flush(W) / T2| begin(W) req(A)");
    assert_eq!(
        lines(&read("T1| acq(A) queue(W) flush(W) / T2| begin(W) req(A)")),
        lines(&flush)
    );
    assert_eq!(lines(&flush), ["deadlock deadlock critical A W"]);
    let join = read("T1| fork(2) acq(A) join(2) / T2| req(A)");
    assert_eq!(lines(&join), ["deadlock deadlock critical A T2"]);
    // Held by somebody who does not wait: no deadlock.
    let held = read("T1| acq(A) / T2| req(A)");
    assert_eq!((lines(&held), held.waits.len()), (vec![], 1));
}

#[test]
fn n4_a_trylock_waits_for_nobody_and_is_a_source() {
    check("N4", "T1: A try(B) / T2: B A", "M", &[]);
    check("N4b", "T1: try(A) B / T2: B A", "M", &["inversion possible error A B"]);
    check(
        "N12",
        "T1| acq(A) try(B) rel(B) rel(A) acq(A) try(B) rel(B) rel(A) / T2: B A",
        "M",
        &[],
    );
}

#[test]
fn n5_shared_holds_guard_nothing() {
    check(
        "N5",
        "T1: R(G) A B / T2: R(G) B A",
        "M",
        &["inversion possible error A B"],
    );
    check(
        "N5b",
        "T1: W(G) A B / T2: R(G) B A",
        "M",
        &["inversion guarded note A B"],
    );
}

#[test]
fn n6_a_failed_request_holds_nothing_and_still_waited() {
    let found = &["inversion possible error A B"];
    check("N6", "T1| acq(A) req(B) fail(B) rel(A) / T2: B A", "M", found);
    check(
        "held after all",
        "T1| acq(A) req(B) fail(B) acq(C) rel(C) rel(A) / T2: C B",
        "M",
        &[],
    );
    check("still waiting", "T1| acq(A) req(B) / T2: B A", "M", found);
}

#[test]
fn n7_a_downgraded_lock_is_shared() {
    let downgraded = "T1| acq(A) downgrade(A) acq(B) rel(B) rrel(A)";
    check(
        "N7",
        &format!("{downgraded} / T2: B R(A)"),
        "M",
        &["inversion needs-writer warning A B"],
    );
    check(
        "a writer",
        &format!("{downgraded} / T2: B W(A)"),
        "M",
        &["inversion possible error A B"],
    );
    check(
        "too late",
        "T1| acq(A) acq(B) downgrade(A) rel(B) rrel(A) / T2: B R(A)",
        "M",
        &["inversion possible error A B"],
    );
}

#[test]
fn n8_a_freed_lock_is_another_one_when_it_is_back() {
    let first = "T1| acq(A) acq(B) rel(B) rel(A)";
    let lines_of = |between: &str| lines(&read(&support::trace(&format!("{first} {between} / T2: B A"), "M")));
    assert_eq!(lines_of("free(B)"), [""; 0]);
    assert_eq!(lines_of("init(B)"), [""; 0]);
    assert_eq!(lines_of(""), ["inversion possible error A B"]);
}

#[test]
fn n9_a_reader_may_be_released_by_another_task() {
    let trace = support::trace("T1| racq(A) / T2| rrel(A) / T1| acq(B) rel(B) / T2: B A", "M");
    let snapshot = read(&trace);
    assert_eq!(lines(&snapshot), [""; 0]);
    assert_eq!(snapshot.capture.counters.get("foreign_release"), Some(&1));
    let kept = support::trace("T1| racq(A) / T1| acq(B) rel(B) rrel(A) / T2: B A", "M");
    assert_eq!(lines(&read(&kept)), ["inversion possible error A B"]);
}

#[test]
fn n11_what_was_held_before_tracing_is_counted_and_not_believed() {
    let snapshot = read(&support::trace("T1| rel(A) acq(B) rel(B) / T2: B A", "M"));
    assert_eq!(lines(&snapshot), [""; 0]);
    assert_eq!(snapshot.capture.lost.get("unmatched_release"), Some(&1));
    assert!(!snapshot.capture.complete);
}

#[test]
fn a_cycle_is_one_finding_however_often_its_locks_are_born_again() {
    let round = "T1: A B / T2: B A";
    let again = "T3| init(A) init(B)";
    let snapshot = read(&support::trace(&format!("{round} / {round} / {again} / {round}"), "M"));
    assert_eq!(lines(&snapshot), ["inversion possible error A B"]);
    assert_eq!(snapshot.findings[0].count, 2);
    let once = read(&support::trace(&format!("{round} / {round}"), "M"));
    assert_eq!(once.findings[0].count, 1);
}
