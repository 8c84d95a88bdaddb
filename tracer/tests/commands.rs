//! The commands that tell about the program itself, from outside.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::program::tracer;

fn good(args: &[&str]) -> String {
    let output = tracer(args);
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..]),
        "{args:?}"
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Standard error of a usage error.
fn bad(args: &[&str]) -> String {
    let output = tracer(args);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), &b""[..]),
        "{args:?}"
    );
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn report() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reports/founding-6.12.json");
    path.to_str().expect("UTF-8").to_string()
}

#[test]
fn words_are_explained() {
    insta::assert_snapshot!(good(&["explain", "certain"]));
    insta::assert_snapshot!(good(&["explain"]));
    assert!(good(&["explain", "recursion_misses.down_read"]).starts_with("recursion_misses (counters)"));
}

#[test]
fn words_that_are_none_get_a_hint() {
    insta::assert_snapshot!(
        [
            bad(&["explain", "certian"]),
            bad(&["explain", "xyzzy"]),
            bad(&["explain", "dcfe8ea0ed7b6c6b"]),
            bad(&["explain", "0000000000000000", &report()]).replace(&report(), "REPORT"),
        ]
        .concat()
    );
}

#[test]
fn a_finding_is_explained() {
    let text = good(&["explain", "dcfe8ea0ed7b6c6b", &report()]);
    assert!(
        text.contains("#1 CRITICAL: certain") && text.contains("pernet_ops_rwsem is requested at:"),
        "{text}"
    );
    assert!(
        text.contains("\nrecursion (kinds of findings)\n") && text.contains("\ncertain (verdicts)\n"),
        "{text}"
    );
    assert_eq!(good(&["explain", "#1", &report()]), text);
    assert_eq!(good(&["explain", "dcfe8ea0", &report()]), text);
}

#[test]
fn what_is_built_in_is_listed() {
    insta::assert_snapshot!(good(&["list", "profiles"]));
    let rules = good(&["list", "rules"]);
    assert!(
        rules.contains("devlink before rtnl\n") && rules.contains("source: Documentation/networking/devlink"),
        "{rules}"
    );
    assert!(good(&["list", "probes"]).contains("mutex_lock "));
    for (what, member) in [("probes", "function"), ("rules", "source")] {
        let list: Value = serde_json::from_str(&good(&["list", what, "--json"])).expect("JSON");
        assert!(
            list.as_array()
                .is_some_and(|list| !list.is_empty() && list.iter().all(|row| row.get(member).is_some())),
            "{what}"
        );
    }
    let profiles: Value = serde_json::from_str(&good(&["list", "profiles", "--json"])).expect("JSON");
    assert_eq!(profiles[0][0], "net");
    for text in [good(&["list", "profiles"]), rules] {
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn every_format_is_written_to_standard_output_and_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in [
        "text", "splat", "mail", "ktap", "dot", "svg", "html", "perfetto", "json", "jsonl",
    ] {
        let args = ["report", &report(), "--format", format];
        let output = tracer(&args);
        assert_eq!(output.status.code(), Some(1), "{format}");
        let path = folder.path().join(format);
        tracer(&[
            "report",
            &report(),
            "--format",
            format,
            "-o",
            path.to_str().expect("UTF-8"),
        ]);
        assert_eq!(std::fs::read(&path).expect("a file"), output.stdout, "{format}");
    }
}

#[test]
fn names_are_hidden_on_request() {
    for format in ["text", "json", "mail", "jsonl", "html"] {
        let shown = |args: &[&str]| {
            let output = tracer(&[&["report", &report(), "--format", format], args].concat());
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let (open, hidden) = (shown(&[]), shown(&["--redact"]));
        assert!(open.contains("4026532141") && open.contains("/lab/run.sh"), "{format}");
        assert!(
            !hidden.contains("4026532141") && !hidden.contains("/lab/run.sh") && hidden.contains("task-"),
            "{format}"
        );
    }
}

#[test]
fn the_whole_graph_is_drawn_on_request() {
    let edges = |args: &[&str]| {
        let output = tracer(&[&["report", &report(), "--format", "dot"], args].concat());
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .matches(" -> l")
            .count()
    };
    assert_eq!((edges(&[]), edges(&["--notes"]), edges(&["--all"])), (3, 12, 34));
}
