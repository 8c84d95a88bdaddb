//! The report as test results.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{cases, fixture, read};
use tracer::analysis::snapshot::Snapshot;
use tracer::report::ktap::{self, Options};

fn render(snapshot: &Snapshot, notes: bool, strict: bool) -> String {
    let fails: &dyn Fn(&str) -> bool = &|severity| matches!(severity, "critical" | "error");
    ktap::render(snapshot, Options { notes, fails, strict })
}

#[test]
fn the_founding_report() {
    let snapshot = read(&fixture("reports/founding-6.12.json"));
    insta::assert_snapshot!(render(&snapshot, false, false));
}

#[test]
fn a_guarded_cycle_is_expected() {
    insta::assert_snapshot!(render(&read(&fixture("cases/c17.std")), true, false));
}

#[test]
fn what_was_lost_is_skipped_or_fails() {
    let snapshot = read("T1|rel(W)|1\n");
    let line = |strict| {
        let out = render(&snapshot, false, strict);
        out.lines()
            .find(|line| line.contains("ok 1 "))
            .expect("a result")
            .to_string()
    };
    let lost = "lost: unmatched release 1; the capture is incomplete, findings may be missing";
    assert_eq!(line(false), format!("ok 1 capture is complete # SKIP {lost}"));
    assert_eq!(line(true), format!("not ok 1 capture is complete # {lost}"));
}

/// As KTAP has it: `<result> <number> [<description>][ # [<directive>] [<diagnostic data>]]`, a description without `#`.
fn check(name: &str, out: &str) {
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("KTAP version 1"), "{name}");
    let plan = lines
        .next()
        .and_then(|line| line.strip_prefix("1..")?.parse::<usize>().ok());
    let mut count = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        count += 1;
        let rest = line.strip_prefix("not ").unwrap_or(line);
        let rest = rest
            .strip_prefix(&format!("ok {count} "))
            .unwrap_or_else(|| panic!("{name}: {line}"));
        assert_eq!(rest.matches('#').count(), rest.matches(" # ").count(), "{name}: {line}");
        assert!(rest.matches('#').count() <= 1, "{name}: {line}");
    }
    assert_eq!(plan, Some(count), "{name}");
}

#[test]
fn every_report_is_ktap() {
    for (name, text) in cases() {
        let snapshot = read(&text);
        let out = render(&snapshot, true, false);
        check(&name, &out);
        let long: Vec<_> = out
            .lines()
            .filter(|line| line.starts_with('#') && line.chars().count() > 80)
            .collect();
        assert!(long.is_empty(), "{name}: {long:?}");
        let failed = snapshot
            .findings
            .iter()
            .filter(|finding| matches!(&*finding.severity, "critical" | "error"));
        let not_ok = out.lines().filter(|line| line.starts_with("not ok"));
        assert_eq!(not_ok.count(), failed.count(), "{name}");
    }
}
