//! Real deadlocks of Linux networking as text traces (`cases/*.std`), and what must be found in them.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use support::{lines, read};
use tracer::analysis::snapshot::Snapshot;

/// File, and every finding in it, notes included.
const CASES: &[(&str, &[&str])] = &[
    (
        "c01",
        &["inversion possible error &dev->intf_state_mutex mlx5_intf_mutex pernet_ops_rwsem &devlink->lock"],
    ),
    ("c01-fixed", &[]),
    ("c01b", &["recursion certain critical pernet_ops_rwsem"]),
    ("c02", &["inversion possible error &devlink->lock pernet_ops_rwsem"]),
    ("c03", &["inversion possible error &devlink->lock &priv->state_lock"]),
    ("c03-trylock", &[]),
    ("c05", &["wait-inversion possible error &devlink->lock esw->wq"]),
    ("c05-fixed", &[]),
    ("c07", &["inversion possible error rtnl_mutex triggers_list_lock"]),
    ("c09", &["inversion possible error &devlink->lock esw->mode_lock"]),
    ("c10", &["inversion possible error &devlink->lock &pf->lock"]),
    ("c12", &["recursion certain critical &ldev->lock"]),
    ("c12-fixed", &[]),
    ("c13", &["recursion certain critical rtnl_mutex"]),
    ("c15", &["recursion certain critical &dev->lock#eth0"]),
    ("c15-other", &["recursion single-task note &dev->lock"]),
    (
        "c17",
        &[
            "inversion guarded note &dev->lock#a &dev->lock#b &team->lock",
            "recursion single-task note &dev->lock",
        ],
    ),
    (
        "c17-unguarded",
        &[
            "inversion possible error &dev->lock#a &dev->lock#b &team->lock",
            "recursion single-task note &dev->lock",
        ],
    ),
    ("c19", &["wait-inversion possible error mlx5_fib_wq pernet_ops_rwsem"]),
    ("c19-fixed", &[]),
    ("c21", &["wait-inversion possible error kn->active rtnl_mutex"]),
    ("c21-fixed", &[]),
    ("c22", &["wait-inversion possible error kn->active#carrier rtnl_mutex"]),
    ("c23", &["recursion certain critical devlink_mutex"]),
    ("c25", &["inversion possible error &id_priv->handler_mutex rtnl_mutex"]),
    ("c26", &["wait-inversion possible error events rtnl_mutex"]),
    ("c26-fixed", &[]),
    ("c28", &["recursion certain critical rtnl_mutex"]),
    ("c29", &["recursion certain critical &team->lock"]),
    ("c31", &["recursion certain critical rtnl_mutex"]),
    ("c32", &["recursion certain critical rtnl_mutex"]),
    ("c32-naive", &["inversion possible error dp_mutex rtnl_mutex"]),
    (
        "founding-6.12",
        &[
            "inversion possible error aux X pernet_ops_rwsem device X devlink X intf_state_mutex X intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem",
            "inversion guarded note aux X pernet_ops_rwsem intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem intf_state_mutex X intf_mutex",
            "inversion guarded note aux X pernet_ops_rwsem devlink X intf_state_mutex X intf_mutex",
        ],
    ),
    (
        "founding-6.12-one-task",
        &[
            "inversion single-task note aux X pernet_ops_rwsem",
            "inversion single-task note aux X pernet_ops_rwsem intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem intf_state_mutex X intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem devlink X intf_state_mutex X intf_mutex",
            "inversion single-task note aux X pernet_ops_rwsem device X devlink X intf_state_mutex X intf_mutex",
        ],
    ),
    ("founding-6.12-other-instance", &[]),
];

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_case_gives_its_findings() {
    for (name, expected) in CASES {
        assert_eq!(lines(&read(&case(name))), *expected, "{name}");
    }
}

#[test]
fn every_file_is_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for entry in std::fs::read_dir(folder).expect("the folder of cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(CASES.iter().any(|(case, _)| *case == name), "{name} is in no table");
    }
}

#[test]
fn the_founding_case_on_6_12_closes_through_the_device_lock() {
    let snapshot = read(&case("founding-6.12"));
    let finding = &snapshot.findings[0];
    let sides: Vec<_> = finding
        .scenario
        .iter()
        .map(|side| {
            (
                side.task.as_str(),
                side.steps.first().map(|step| step.lock.as_str()),
                side.steps.len(),
            )
        })
        .collect();
    assert_eq!(
        sides,
        [
            ("devlink", Some("device X"), 6),
            ("kworker/u8:1 netns", Some("pernet_ops_rwsem"), 2)
        ]
    );
    for guarded in &snapshot.findings[1..] {
        assert!(guarded.reason.starts_with("guarded by device X"), "{}", guarded.reason);
    }
}

#[test]
fn without_the_shared_hold_of_cleanup_net_the_founding_case_is_gone() {
    let what_if = |name: &str, without: &[&str]| lines(&support::read_without(&case(name), without));
    for name in ["c01", "c01b"] {
        assert_eq!(what_if(name, &["pernet_ops_rwsem@cleanup_net"]), [""; 0], "{name}");
        assert_eq!(
            what_if(name, &["pernet_ops_rwsem@unregister_netdevice_notifier"]),
            [""; 0],
            "{name}"
        );
        assert_eq!(what_if(name, &["pernet_ops_rwsem"]), [""; 0], "{name}");
    }
    assert_eq!(what_if("c01", &["&devlink->lock->pernet_ops_rwsem"]), [""; 0]);
    assert_eq!(
        what_if("c01", &["mlx5_intf_mutex"]).len(),
        1,
        "another lock changes nothing"
    );
}

/// What breaks the first set of cycles: each choice, and whether the search was exact.
fn breaks(snapshot: &Snapshot) -> Vec<String> {
    let set = snapshot.breaks.first().expect("something that breaks the cycle");
    assert!(set.exact, "{:?}", set.choices);
    set.choices.iter().map(|choice| choice.without.join(" and ")).collect()
}

#[test]
fn the_notifier_call_and_the_shared_hold_break_the_founding_case() {
    for name in ["c01", "c01b", "founding-6.12"] {
        let breaks = breaks(&read(&case(name)));
        let first = breaks.first().map(String::as_str);
        assert_eq!(first, Some("pernet_ops_rwsem@unregister_netdevice_notifier"), "{name}");
        assert!(
            breaks.iter().any(|way| way == "pernet_ops_rwsem@cleanup_net"),
            "{name}: {breaks:?}"
        );
    }
}

#[test]
fn what_is_said_to_break_a_case_breaks_it() {
    for (name, _) in CASES {
        let snapshot = read(&case(name));
        for set in &snapshot.breaks {
            for choice in &set.choices {
                let without: Vec<_> = choice.without.iter().map(String::as_str).collect();
                let rest = support::read_without(&case(name), &without);
                let left = rest.findings.iter().filter(|finding| finding.severity != "note");
                assert_eq!(
                    left.count(),
                    snapshot
                        .findings
                        .iter()
                        .filter(|finding| finding.severity != "note")
                        .count()
                        - set.findings.len(),
                    "{name}: {without:?}"
                );
            }
        }
        let cycles = snapshot
            .findings
            .iter()
            .filter(|finding| finding.verdict.is_some() && finding.severity != "note");
        let broken: usize = snapshot.breaks.iter().map(|set| set.findings.len()).sum();
        assert_eq!(cycles.count(), broken, "{name}");
    }
}

#[test]
fn a_report_is_judged_again_as_its_trace_is() {
    for (name, _) in CASES {
        let snapshot = read(&case(name));
        let report = tracer::report::json::render(&snapshot).expect("JSON");
        let again = tracer::import::load_from("report", report.as_bytes()).expect("a report");
        let trace = tracer::import::load_from("trace", case(name).as_bytes()).expect("a trace");
        let judged = |source: tracer::import::Source| lines(&source.judge(true, &[]).expect("nothing left out"));
        assert_eq!(judged(again), judged(trace), "{name}");
    }
}

#[test]
fn one_acquisition_in_two_cycles_is_the_fewest_that_break_both() {
    let trace = "T1|acq(A)|a+1\nT1|acq(B)|ab+1\nT1|rel(B)|\nT1|rel(A)|\n\
                 T2|acq(B)|b+1\nT2|acq(A)|ba+1\nT2|rel(A)|\nT2|rel(B)|\n\
                 T3|acq(C)|c+1\nT3|acq(A)|a+2\nT3|rel(A)|\nT3|rel(C)|\n\
                 T4|acq(A)|a+3\nT4|acq(C)|ac+1\nT4|rel(C)|\nT4|rel(A)|\n";
    let snapshot = read(trace);
    assert_eq!(snapshot.findings.len(), 2);
    assert_eq!(breaks(&snapshot), ["A@a"]);
    // Two that share nothing are two sets.
    let apart = trace
        .replace("T3|acq(A)", "T3|acq(D)")
        .replace("T3|rel(A)", "T3|rel(D)");
    let apart = apart
        .replace("T4|acq(A)", "T4|acq(D)")
        .replace("T4|rel(A)", "T4|rel(D)");
    assert_eq!(read(&apart).breaks.len(), 2);
    // Nothing to break, nothing said.
    assert_eq!(read(&case("c01-fixed")).breaks, []);
}

#[test]
fn a_side_that_was_seen_at_two_places_takes_both_to_break() {
    let trace = "T1|acq(A)|f+1\nT1|acq(B)|g+1\nT1|rel(B)|\nT1|rel(A)|\n\
                 T1|acq(A)|h+1\nT1|acq(B)|i+1\nT1|rel(B)|\nT1|rel(A)|\n\
                 T2|acq(B)|k+1\nT2|acq(A)|l+1\nT2|rel(A)|\nT2|rel(B)|\n\
                 T2|acq(B)|m+1\nT2|acq(A)|n+1\nT2|rel(A)|\nT2|rel(B)|\n";
    let breaks = breaks(&read(trace));
    assert_eq!(breaks.first().map(String::as_str), Some("A@l and A@n"));
    assert!(breaks.iter().all(|choice| choice.contains(" and ")), "{breaks:?}");
}

#[test]
fn without_functions_the_dependency_is_what_breaks() {
    let trace = "T1|acq(A)|\nT1|acq(B)|\nT1|rel(B)|\nT1|rel(A)|\nT2|acq(B)|\nT2|acq(A)|\nT2|rel(A)|\nT2|rel(B)|\n";
    assert_eq!(breaks(&read(trace)), ["A->B", "B->A"]);
}
