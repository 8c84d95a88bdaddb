//! The document in lines.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use serde_json::{Value, json};
use support::{cases, fixture, program::program, read};
use tracer::analysis::snapshot::{Place, Snapshot, Source};
use tracer::report::jsonl;

fn lines(snapshot: &Snapshot) -> String {
    let mut out = Vec::new();
    jsonl::write(snapshot, &mut out).expect("lines");
    String::from_utf8(out).expect("UTF-8")
}

/// The document that the lines are of.
fn document(lines: &str) -> Value {
    let mut document = json!({});
    for name in [
        "locks",
        "windows",
        "dependencies",
        "notifiers",
        "waits",
        "findings",
        "breaks",
        "suppressed",
    ] {
        document[name] = json!([]);
    }
    for line in lines.lines() {
        let mut object: Value = serde_json::from_str(line).expect("an object");
        let members = object.as_object_mut().expect("an object");
        let name = members.remove("type").expect("a type");
        let list = match name.as_str().expect("a name") {
            "report" => {
                document.as_object_mut().expect("an object").append(members);
                continue;
            }
            "dependency" => "dependencies".to_string(),
            "suppressed" => "suppressed".to_string(),
            name => format!("{name}s"),
        };
        // The only list that is not there when it is empty.
        if list == "sources" && document.get(&list).is_none() {
            document[&list] = json!([]);
        }
        document[&list].as_array_mut().expect("a list").push(object);
    }
    document
}

#[test]
fn the_lines_are_the_document() {
    for (name, text) in cases() {
        let snapshot = read(&text);
        assert_eq!(
            document(&lines(&snapshot)),
            serde_json::to_value(&snapshot).expect("JSON"),
            "{name}"
        );
    }
}

#[test]
fn the_lines_of_the_founding_recording_are_its_document() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/founding-6.12-v1.rec");
    let report = |format| {
        let mut command = program();
        let report = command.args(["report", recording, "--fail-on", "never", "--format", format]);
        String::from_utf8(report.output().expect("tracer runs").stdout).expect("UTF-8")
    };
    let whole: Value = serde_json::from_str(&report("json")).expect("JSON");
    assert!(
        whole["findings"]
            .as_array()
            .is_some_and(|findings| !findings.is_empty())
    );
    assert_eq!(document(&report("jsonl")), whole);
}

#[test]
fn lines_of_the_source_are_lines() {
    let mut snapshot = read(&fixture("cases/c01b.std"));
    snapshot.sources = vec![Source {
        frame: "f+0x1/0x2".to_string(),
        places: vec![Place {
            function: "f".to_string(),
            file: "net/core/dev.c".to_string(),
            line: 12,
        }],
    }];
    let lines = lines(&snapshot);
    assert_eq!(document(&lines), serde_json::to_value(&snapshot).expect("JSON"));
    assert!(
        lines.contains(r#"{"type":"source","frame":"f+0x1/0x2","places":[{"#),
        "{lines}"
    );
}

#[test]
fn a_text_trace() {
    insta::assert_snapshot!(lines(&read(&fixture("cases/c01b.std"))));
}
