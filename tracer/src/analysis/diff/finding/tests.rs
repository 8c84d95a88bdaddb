//! When findings are the same.

use super::*;
use crate::import::read_from;

/// Two threads that take A and B in opposite orders, at these functions.
fn inversion(instance: &str, functions: [&str; 4]) -> String {
    let [a, b, c, d] = functions;
    let (x, y) = (format!("A#{instance}"), format!("B#{instance}"));
    format!(
        "S{instance}|acq({x})|{a}\nS{instance}|acq({y})|{b}\nS{instance}|rel({y})|\nS{instance}|rel({x})|\n\
         T{instance}|acq({y})|{c}\nT{instance}|acq({x})|{d}\nT{instance}|rel({x})|\nT{instance}|rel({y})|\n"
    )
}

fn compare_traces(a: &str, b: &str) -> FindingChanges {
    let read = |text: &str| read_from("trace", text.as_bytes()).expect("a trace");
    let (a, b) = (read(a), read(b));
    compare(&ByClass::new(&a), &ByClass::new(&b))
}

const PLACES: [&str; 4] = ["f", "g", "h", "k"];

#[test]
fn the_same_fingerprint_is_the_same_finding() {
    let (a, b) = (inversion("1", PLACES), inversion("2", PLACES));
    assert_eq!(compare_traces(&a, &b), FindingChanges::default());
    let twice = a.clone() + &b;
    assert_eq!(compare_traces(&a, &twice), FindingChanges::default(), "on more objects");
    let changes = compare_traces("# nothing\n", &twice);
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (1, 0, 0)
    );
    let new = changes.new[0].b.as_ref().expect("as B has it");
    assert_eq!(
        (new.count, new.classes.as_slice()),
        (2, ["A".to_string(), "B".to_string()].as_slice())
    );
    assert_eq!(new.sides.len(), 2);
}

#[test]
fn other_functions_make_it_changed() {
    let changes = compare_traces(&inversion("1", PLACES), &inversion("1", ["f", "g", "h", "moved"]));
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (0, 0, 1)
    );
    let changed = &changes.changed[0];
    assert_eq!(changed.changed, ["places"]);
    assert_eq!(changed.worse(), None, "as severe as it was");
    let to = |side: &Option<FindingSide>| {
        let sides = side.as_ref().map(|side| side.sides.clone()).unwrap_or_default();
        sides.last().and_then(|side| side.place.to_function.clone())
    };
    assert_eq!(
        (to(&changed.a), to(&changed.b)),
        (Some("k".to_string()), Some("moved".to_string()))
    );
}

#[test]
fn a_second_one_at_another_place_is_new() {
    let one = inversion("1", PLACES);
    let two = one.clone() + &inversion("2", ["f", "g", "h", "second"]);
    let changes = compare_traces(&one, &two);
    assert_eq!((changes.new.len(), changes.changed.len()), (1, 0));
    assert_eq!(changes.new[0].worse(), Some("error"));
    let changes = compare_traces(&two, &one);
    assert_eq!((changes.gone.len(), changes.changed.len()), (1, 0));
    assert_eq!(changes.gone[0].worse(), None);
}

#[test]
fn what_gets_more_severe_is_changed_and_worse() {
    let guarded: String = ["S", "T"]
        .iter()
        .zip([("A", "B"), ("B", "A")])
        .map(|(task, (x, y))| {
            format!(
                "{task}|acq(G)|o\n{task}|acq({x})|f\n{task}|acq({y})|g\n\
                 {task}|rel({y})|\n{task}|rel({x})|\n{task}|rel(G)|\n"
            )
        })
        .collect();
    let bare: String = guarded
        .lines()
        .filter(|line| !line.contains("(G)"))
        .map(|line| format!("{line}\n"))
        .collect();
    let changes = compare_traces(&guarded, &bare);
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (0, 0, 1)
    );
    let changed = &changes.changed[0];
    assert_eq!(changed.changed, ["verdict", "severity"]);
    assert_eq!((changed.worse(), changed.is_note()), (Some("error"), false));
    assert_eq!(compare_traces(&bare, &guarded).changed[0].worse(), None);
}

#[test]
fn another_kind_or_other_classes_are_another_finding() {
    let changes = compare_traces("T1|acq(A)|f\nT1|acq(A)|g\n", &inversion("1", PLACES));
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (1, 1, 0)
    );
    let changes = compare_traces("T1|acq(A)|f\nT1|acq(A)|g\n", "T1|acq(B)|f\nT1|acq(B)|g\n");
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (1, 1, 0)
    );
}

#[test]
fn a_breach_elsewhere_is_changed() {
    let release = |place: &str| format!("T1|acq(A)|f\nT1|rel(A)|f\nT1|rel(A)|{place}\n");
    assert_eq!(
        compare_traces(&release("f+0x1"), &release("f+0x2")),
        FindingChanges::default()
    );
    let changes = compare_traces(&release("f"), &release("g"));
    assert_eq!(changes.changed.len(), 1);
    assert_eq!(changes.changed[0].changed, ["places"]);
}

/// Three paths through the same locks in each of two sets of objects, the second under a guard. Of two ways to one side, a report
/// shows the one with the smaller names.
fn two_ways(z: [u32; 4]) -> String {
    let path = |task: &str, steps: &[(String, &str)]| {
        let take = steps
            .iter()
            .map(|(lock, place)| format!("{task}|acq({lock})|{place}\n"));
        let give = steps.iter().rev().map(|(lock, _)| format!("{task}|rel({lock})|\n"));
        take.chain(give).collect::<String>()
    };
    let lock = |class: &str, instance: u32| format!("{class}#{instance}");
    let mut trace = String::new();
    for (set, guarded, z) in [(1, false, [z[0], z[1]]), (2, true, [z[2], z[3]])] {
        let guard: &[_] = if guarded { &[("G".to_string(), "o")] } else { &[] };
        for (z, to) in z.into_iter().zip(["p", "q"]) {
            let steps = [(lock("Z", z), "z"), (lock("A", set), "f"), (lock("B", set), to)];
            trace += &path(&format!("S{set}"), &[guard, &steps].concat());
        }
        let steps = [(lock("B", set), "h"), (lock("A", set), "k")];
        trace += &path(&format!("T{set}"), &[guard, &steps].concat());
    }
    trace
}

#[test]
fn which_object_shows_a_place_makes_no_difference() {
    let other = ["f", "g", "h", "second"];
    let a = inversion("1", PLACES) + &inversion("2", other);
    let b = inversion("1", other) + &inversion("2", PLACES);
    assert_eq!(compare_traces(&a, &b), FindingChanges::default());
    // Renamed, the first is shown at q instead of p, the second, which is guarded, at p instead of q.
    let (a, b) = (two_ways([1, 2, 4, 3]), two_ways([2, 1, 3, 4]));
    let read = |text: &str| read_from("trace", text.as_bytes()).expect("a trace");
    let prints = |trace: &str| -> Vec<_> {
        let findings = read(trace).findings.into_iter();
        findings
            .map(|finding| (finding.severity, finding.fingerprint))
            .collect()
    };
    assert_ne!(prints(&a), prints(&b), "the case is none any more: make another");
    assert_eq!(compare_traces(&a, &b), FindingChanges::default());
}

#[test]
fn which_object_shows_what_is_taken_in_between_makes_no_difference() {
    // Of two ways to nest two objects of class A, one over B and one over C, a report shows the one with the smaller names.
    let trace = |x: &str, y: &str| {
        format!(
            "S|acq({x})|f\nS|acq(B)|f\nS|acq(A#3)|f\nS|rel(A#3)|\nS|rel(B)|\nS|rel({x})|\n\
             T|acq({y})|f\nT|acq(C)|f\nT|acq({x})|g\nT|rel({x})|\nT|rel(C)|\nT|rel({y})|\n"
        )
    };
    let (a, b) = (trace("A#1", "A#2"), trace("A#2", "A#1"));
    let locks = |trace: &str| {
        let snapshot = read_from("trace", trace.as_bytes()).expect("a trace");
        snapshot
            .findings
            .into_iter()
            .map(|finding| finding.locks)
            .collect::<Vec<_>>()
    };
    assert_ne!(locks(&a), locks(&b), "the case is none any more: make another");
    assert_eq!(compare_traces(&a, &b), FindingChanges::default());
}

#[test]
fn a_guard_that_moves_from_one_place_to_another_makes_a_difference() {
    let guarded = |trace: String| -> String {
        let guard = |line: &str| match line.split_once('|') {
            Some((task, _))
                if line.contains("acq(A#") && task.starts_with('S')
                    || line.contains("acq(B#") && task.starts_with('T') =>
            {
                format!("{task}|acq(G)|o\n{line}\n")
            }
            Some((task, _))
                if line.contains("rel(A#") && task.starts_with('S')
                    || line.contains("rel(B#") && task.starts_with('T') =>
            {
                format!("{line}\n{task}|rel(G)|\n")
            }
            _ => format!("{line}\n"),
        };
        trace.lines().map(guard).collect()
    };
    let other = ["f", "g", "h", "second"];
    let a = guarded(inversion("1", PLACES)) + &inversion("2", other);
    let b = inversion("1", PLACES) + &guarded(inversion("2", other));
    let changes = compare_traces(&a, &b);
    assert_eq!(
        (changes.new.len(), changes.gone.len(), changes.changed.len()),
        (0, 0, 2)
    );
    assert_eq!(
        changes
            .changed
            .iter()
            .filter(|change| change.worse() == Some("error"))
            .count(),
        1
    );
}

#[test]
fn what_threads_are_called_makes_no_difference() {
    let trace = |thread: &str| {
        format!(
            "T1|fork({thread})|f\nT1|acq(A)|f\nT1|join({thread})|g\nT1|rel(A)|\nT{thread}|acq(A)|h\nT{thread}|rel(A)|\n"
        )
    };
    let prints = |thread: &str| {
        read_from("trace", trace(thread).as_bytes())
            .expect("a trace")
            .findings
            .len()
    };
    assert_eq!((prints("2"), prints("7")), (1, 1));
    assert_eq!(compare_traces(&trace("2"), &trace("7")), FindingChanges::default());
}

#[test]
fn swapped_sides_give_the_mirror_image() {
    let a = inversion("1", PLACES) + &inversion("2", ["f", "g", "h", "second"]) + "T1|acq(C)|f\nT1|acq(C)|g\n";
    let b = inversion("1", ["f", "g", "h", "moved"]) + "T1|acq(D)|f\nT1|acq(D)|g\n";
    let (there, back) = (compare_traces(&a, &b), compare_traces(&b, &a));
    let mirror = |changes: &[FindingChange]| -> Vec<FindingChange> {
        let mirror = |change: &FindingChange| FindingChange {
            a: change.b.clone(),
            b: change.a.clone(),
            ..change.clone()
        };
        changes.iter().map(mirror).collect()
    };
    assert!(!there.new.is_empty() && !there.gone.is_empty() && !there.changed.is_empty());
    assert_eq!(mirror(&there.new), back.gone);
    assert_eq!(mirror(&there.gone), back.new);
    assert_eq!(mirror(&there.changed), back.changed);
}
