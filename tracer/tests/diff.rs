//! `tracer diff A B` over real cases: the screen, the document, and the exit status.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use support::program::{status, stderr, stdout, tracer_with};
use support::read;
use tracer::analysis::diff::diff;
use tracer::report::{json, style::Style, text};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"))
}

fn case(name: &str) -> String {
    std::fs::read_to_string(path(name)).expect("a case")
}

/// With the names of the files, as the program shows it.
fn screen(a: &str, b: &str) -> String {
    let mut diff = diff(&read(&case(a)), &read(&case(b)));
    (diff.a.file, diff.b.file) = (Some(format!("{a}.std")), Some(format!("{b}.std")));
    text::diff::render(&diff, true, Style::default())
}

/// `tracer diff` of two cases; `-` is the input.
fn run(a: &str, b: &str, args: &[&str], input: &str) -> Output {
    let file = |name: &str| match name {
        "-" => name.to_string(),
        _ => path(name).to_str().expect("UTF-8").to_string(),
    };
    let (a, b) = (file(a), file(b));
    let mut all = vec!["diff", a.as_str(), b.as_str()];
    all.extend(args);
    tracer_with(&all, input.as_bytes())
}

#[test]
fn what_the_fix_removes() {
    insta::assert_snapshot!(screen("c01", "c01-fixed"));
}

#[test]
fn what_its_revert_brings() {
    insta::assert_snapshot!(screen("c01-fixed", "c01"));
}

#[test]
fn a_verdict_that_changes() {
    insta::assert_snapshot!(screen("founding-6.12-one-task", "founding-6.12"));
}

#[test]
fn places_that_change() {
    let before = case("founding-6.12");
    let after = before
        .replace("dlock_detach+0x20", "dlock_detach_late+0x8")
        .replace("cleanup_net+0x31", "cleanup_net+0x77");
    let diff = diff(&read(&before), &read(&after));
    insta::assert_snapshot!(text::diff::render(&diff, false, Style::default()));
}

#[test]
fn the_fix_removes_one_finding_and_every_dependency_on_what_it_no_longer_takes() {
    let diff = diff(&read(&case("c01")), &read(&case("c01-fixed")));
    let gone: Vec<_> = diff
        .findings
        .gone
        .iter()
        .filter_map(|change| Some(change.a.as_ref()?.title.as_str()))
        .collect();
    assert_eq!(
        gone,
        ["circular locking dependency: &devlink->lock -> pernet_ops_rwsem -> &devlink->lock"]
    );
    assert!(diff.findings.new.is_empty() && diff.findings.changed.is_empty());
    for (changes, to) in [
        (&diff.dependencies.gone, "pernet_ops_rwsem"),
        (&diff.dependencies.new, "rtnl_mutex"),
    ] {
        let pairs: Vec<_> = changes
            .iter()
            .map(|change| (change.from.as_str(), change.to.as_str()))
            .collect();
        let from = ["&dev->intf_state_mutex", "&devlink->lock", "mlx5_intf_mutex"];
        assert_eq!(pairs, from.map(|from| (from, to)));
    }
    assert!(diff.dependencies.changed.is_empty());
}

#[test]
fn every_case_against_itself_has_no_difference() {
    for entry in std::fs::read_dir(path("c01").parent().expect("a folder")).expect("the cases") {
        let path = entry.expect("an entry").path();
        let snapshot = read(&std::fs::read_to_string(&path).expect("a case"));
        assert!(diff(&snapshot, &snapshot).is_empty(), "{}", path.display());
    }
}

#[test]
fn another_boot_has_no_difference() {
    // Other offsets, tasks and objects, as another build on another machine has them.
    let here = case("founding-6.12").replace(" X)", "#X)");
    let there = here
        .replace("#X)", "#Y)")
        .replace("kworker/u8:1", "kworker/u4:7")
        .replace("+0x", "+0x1");
    let there = there.replace("down+", "down.isra.0+");
    assert_ne!(here, there);
    let diff = diff(&read(&here), &read(&there));
    assert!(diff.is_empty(), "{diff:#?}");
}

#[test]
fn lines_fit_a_terminal() {
    for (a, b) in [
        ("c01", "c01-fixed"),
        ("c01-fixed", "c01"),
        ("founding-6.12-other-instance", "founding-6.12"),
    ] {
        let long: Vec<_> = screen(a, b)
            .lines()
            .filter(|line| line.chars().count() > 80)
            .map(str::to_string)
            .collect();
        assert!(long.is_empty(), "{a} {b}: {long:?}");
    }
}

#[test]
fn what_got_worse_makes_the_exit_status() {
    for (a, b, fail_on, expected) in [
        ("c01", "c01-fixed", "note", 0),
        ("c01-fixed", "c01", "error", 1),
        ("c01-fixed", "c01", "critical", 0),
        ("c01-fixed", "c01", "never", 0),
        ("c01-fixed", "c01", "new-dependency", 1),
        // A dependency on rtnl_mutex instead.
        ("c01", "c01-fixed", "new-dependency", 1),
        ("c01", "c01", "new-dependency", 0),
        // From single-task to possible, and back.
        ("founding-6.12-one-task", "founding-6.12", "error", 1),
        ("founding-6.12", "founding-6.12-one-task", "note", 0),
        ("c17-unguarded", "c17", "note", 0),
        ("c17", "c17-unguarded", "error", 1),
        ("c12-fixed", "c12", "critical", 1),
    ] {
        let output = run(a, b, &["--fail-on", fail_on], "");
        assert_eq!(
            status(&output),
            expected,
            "{a} {b} --fail-on {fail_on}: {}",
            stdout(&output)
        );
    }
    assert_eq!(status(&run("c01-fixed", "c01", &[], "")), 1, "the default is error");
}

#[test]
fn a_new_dependency_does_not_hide_a_new_finding() {
    // The same dependencies, taken by two tasks now: a finding without a dependency that A lacks.
    let (a, b) = ("founding-6.12-one-task", "founding-6.12");
    assert_eq!(status(&run(a, b, &["--fail-on", "new-dependency"], "")), 1);
}

#[test]
fn strict_refuses_an_incomplete_file() {
    let mut report: Value = serde_json::to_value(read("T1|acq(A)|1\n")).expect("JSON");
    report["capture"]["complete"] = Value::from(false);
    let report = report.to_string();
    for (a, b) in [("-", "c01"), ("c01", "-")] {
        let never = ["--fail-on", "never"];
        assert_eq!(
            status(&run(a, b, &[never.as_slice(), &["--strict"]].concat(), &report)),
            4,
            "{a} {b}"
        );
        let output = run(a, b, &never, &report);
        assert_eq!(status(&output), 0, "{a} {b}");
        assert!(stdout(&output).contains("is incomplete"), "{}", stdout(&output));
    }
    assert_eq!(status(&run("c01", "c01", &["--strict"], "")), 0);
    assert_eq!(
        status(&run("-", "c01", &["--strict"], &report)),
        1,
        "a finding stands whatever was lost"
    );
}

#[test]
fn bad_input_is_a_usage_error_that_names_the_file() {
    let bad = run("c01", "-", &[], "T1|acq(A)|1\nT1|grab(B)|2\n");
    assert_eq!((status(&bad), stdout(&bad).as_str()), (2, ""));
    assert_eq!(
        stderr(&bad),
        "tracer: standard input:2: no such operation: grab: `T1|grab(B)|2`\n"
    );
    for (a, b) in [("no-such-case", "c01"), ("c01", "no-such-case")] {
        let missing = run(a, b, &[], "");
        assert_eq!(status(&missing), 2);
        assert!(
            stderr(&missing).contains("no-such-case.std: No such file"),
            "{}",
            stderr(&missing)
        );
    }
    let both = run("-", "-", &[], "T1|acq(A)|1\n");
    assert_eq!(status(&both), 2);
    assert_eq!(
        stderr(&both),
        "tracer: only one of the two files can be standard input\n"
    );
    assert_eq!(status(&tracer_with(&["diff", "one"], b"")), 2);
    assert_eq!(status(&run("c01", "c01", &["--fail-on", "nonsense"], "")), 2);
}

#[test]
fn a_report_stands_for_the_trace_it_is_of() {
    let json = json::render(&read(&case("c01"))).expect("JSON");
    let output = run("-", "c01", &[], &json);
    assert_eq!(status(&output), 0);
    assert!(
        stdout(&output).starts_with("A: standard input (text-trace)\nB: "),
        "{}",
        stdout(&output)
    );
    assert!(stdout(&output).ends_with("\n\nNo difference.\n"), "{}", stdout(&output));
}

#[test]
fn both_files_are_judged_by_the_same_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules.toml");
    std::fs::write(
        &rules,
        "[rule.\"b first\"]\nbefore = \"B\"\nafter = \"A\"\nreason = \"a test\"\nsource = \"a test\"\n",
    )
    .expect("a file");
    let trace = "T1|acq(A)|f\nT1|acq(B)|g\n";
    let file = folder.path().join("trace.std");
    std::fs::write(&file, trace).expect("a file");
    let (file, rules) = (file.to_str().expect("UTF-8"), rules.to_str().expect("UTF-8"));
    let report = tracer_with(&["report", file, "--rules", rules, "--format", "json"], b"");
    assert!(
        stdout(&report).contains("order-rule"),
        "{}{}",
        stdout(&report),
        stderr(&report)
    );
    let same = tracer_with(&["diff", file, "-", "--rules", rules], &report.stdout);
    assert!(
        stdout(&same).contains("No difference."),
        "{}{}",
        stdout(&same),
        stderr(&same)
    );
    let without = tracer_with(&["diff", file, "-"], &report.stdout);
    assert!(stdout(&without).contains("1 new, 0 gone"), "{}", stdout(&without));
}

#[test]
fn lockdep_makes_what_two_objects_do_an_error() {
    // The other way round on other objects of the same classes.
    let there = "T1|acq(A#1)|f\nT1|acq(B#1)|g\nT1|rel(B#1)|\nT1|rel(A#1)|\n";
    let back = "T2|acq(B#2)|f\nT2|acq(A#2)|g\nT2|rel(A#2)|\nT2|rel(B#2)|\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace.std");
    std::fs::write(&file, there).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let both = format!("{there}{back}");
    assert_eq!(status(&tracer_with(&["diff", file, "-"], both.as_bytes())), 0);
    assert_eq!(
        status(&tracer_with(&["diff", file, "-", "--lockdep"], both.as_bytes())),
        1
    );
}

#[test]
fn json_and_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("diff.json");
    let args = ["--format", "json", "-o", file.to_str().expect("UTF-8")];
    let output = run("-", "c01-fixed", &args, &case("c01"));
    assert_eq!((status(&output), stdout(&output).as_str()), (0, ""));
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("the file")).expect("JSON");
    assert_eq!(document["a"]["file"], Value::Null);
    assert!(
        document["b"]["file"]
            .as_str()
            .is_some_and(|name| name.ends_with("c01-fixed.std"))
    );
    assert_eq!(
        document["findings"]["gone"][0]["a"]["classes"][0],
        "&dev->intf_state_mutex"
    );
    assert_eq!(
        document["dependencies"]["new"][1]["places_new"][0]["from_frame"],
        "devlink_nl_pre_doit+0x5c"
    );
    assert_eq!(document["dependencies"]["new"][1]["places_new"][0]["task"], "devlink");
}

#[test]
fn notes_are_hidden_and_counted_and_colour_is_asked_for() {
    let hidden = stdout(&run("founding-6.12", "founding-6.12-one-task", &[], ""));
    assert!(
        hidden.contains("4 notes hidden; --notes shows them") && hidden.contains("5 changed"),
        "{hidden}"
    );
    assert!(
        !hidden.contains("NOTE: guarded") && !hidden.contains('\x1b'),
        "{hidden}"
    );
    let shown = stdout(&run("founding-6.12", "founding-6.12-one-task", &["--notes"], ""));
    assert!(shown.contains("NOTE: guarded") && !shown.contains("hidden"), "{shown}");
    assert!(stdout(&run("c01", "c01-fixed", &["--color", "always"], "")).contains('\x1b'));
}
