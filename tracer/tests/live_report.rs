//! What a trace tells while it runs.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use serde_json::Value;
use support::{cases, fixture, read};
use tracer::report::live::Live;

/// What is told of a trace that grows by so many lines at a time.
fn told(trace: &str, step: usize) -> Vec<Value> {
    let lines: Vec<_> = trace.lines().collect();
    let mut live = Live::default();
    let mut out = Vec::new();
    for length in (1..lines.len()).step_by(step) {
        // Comments alone are no trace.
        let begun = lines[..length].join("\n") + "\n";
        if let Ok(snapshot) = tracer::import::read_from("trace", begun.as_bytes()) {
            live.write(&snapshot, false, &mut out).expect("lines");
        }
    }
    live.write(&read(trace), true, &mut out).expect("lines");
    let text = String::from_utf8(out).expect("UTF-8");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

fn of_type<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == name).collect()
}

#[test]
fn a_trace_is_told_piece_by_piece_as_at_once() {
    let traces = cases().into_iter().filter(|(name, _)| name.ends_with(".std"));
    for (name, trace) in traces {
        let (at_once, piece_by_piece) = (told(&trace, usize::MAX), told(&trace, 1));
        for lines in [&at_once, &piece_by_piece] {
            assert_eq!(lines.first().expect("a line")["type"], "start", "{name}");
            assert_eq!(lines.last().expect("a line")["type"], "end", "{name}");
            assert_eq!((of_type(lines, "start").len(), of_type(lines, "end").len()), (1, 1));
        }
        // Names of tasks may come later than what they do; what is locked may not change.
        let locks = |lines: &[Value]| {
            let dependencies = of_type(lines, "dependency").into_iter();
            let mut locks: Vec<_> = dependencies
                .map(|line| format!("{} {}", line["from"], line["to"]))
                .collect();
            locks.sort();
            locks
        };
        assert_eq!(locks(&at_once), locks(&piece_by_piece), "{name}");
        // In pieces, a finding may have been another one before.
        let titles: Vec<_> = of_type(&piece_by_piece, "finding")
            .iter()
            .map(|line| (line["fingerprint"].clone(), line["severity"].clone()))
            .collect();
        for finding in of_type(&at_once, "finding") {
            let wanted = (finding["fingerprint"].clone(), finding["severity"].clone());
            assert_eq!(titles.iter().filter(|title| **title == wanted).count(), 1, "{name}");
        }
    }
}

#[test]
fn a_finding_is_told_once_and_when_it_is_there() {
    let lines = told(&fixture("cases/c01.std"), 1);
    let findings = of_type(&lines, "finding");
    let severe: Vec<_> = findings.iter().filter(|line| line["severity"] == "error").collect();
    assert_eq!(severe.len(), 1, "{findings:?}");
    let fixed = told(&fixture("cases/c01-fixed.std"), 1);
    assert!(of_type(&fixed, "finding").is_empty());
}

#[test]
fn a_window_is_told_when_it_begins_and_when_it_ends() {
    let mut report: tracer::analysis::snapshot::Snapshot =
        serde_json::from_str(&fixture("reports/founding-6.12.json")).expect("a report");
    report.windows.truncate(1);
    let mut begun = report.clone();
    begun.windows[0].end_ns = None;
    let mut ended = report.clone();
    ended.windows[0].end_ns = Some(report.windows[0].start_ns + 1);
    let mut live = Live::default();
    let mut out = Vec::new();
    for snapshot in [&begun, &begun, &ended, &ended] {
        live.write(snapshot, false, &mut out).expect("lines");
    }
    let text = String::from_utf8(out).expect("UTF-8");
    let windows: Vec<_> = text
        .lines()
        .filter(|line| line.contains("\"type\":\"window\""))
        .collect();
    let is_open: Vec<_> = windows.iter().map(|line| line.contains("\"end_ns\":null")).collect();
    assert_eq!(is_open, [true, false]);
    let again = text
        .lines()
        .filter(|line| line.contains("\"type\":\"dependency\""))
        .count();
    assert_eq!(again, report.dependencies.len(), "each is told once");
}

#[test]
fn a_text_trace() {
    let lines = told(&fixture("cases/c01b.std"), 1);
    let text: Vec<_> = lines.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}
