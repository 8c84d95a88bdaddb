//! A report without the names of a machine: none of them is left in any format.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{cases, fixture, read};
use tracer::analysis::snapshot::Snapshot;
use tracer::report::redact::redact;
use tracer::report::{dot, html, json, jsonl, ktap, mail, perfetto, splat, svg, text};

fn all_formats(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    jsonl::write(snapshot, &mut lines).expect("lines");
    let options = text::Options {
        notes: true,
        allowed: true,
        ..text::Options::default()
    };
    let ktap_options = ktap::Options {
        notes: true,
        fails: &|_| true,
        strict: true,
    };
    vec![
        ("text", text::render(snapshot, options)),
        ("splat", splat::render(snapshot, true)),
        ("mail", mail::render(snapshot, true)),
        ("ktap", ktap::render(snapshot, ktap_options)),
        ("dot", dot::render(snapshot, true, true)),
        ("svg", svg::render(snapshot, true)),
        ("html", html::render(snapshot).expect("a page")),
        (
            "perfetto",
            String::from_utf8_lossy(&perfetto::render(snapshot, true)).into_owned(),
        ),
        ("json", json::render(snapshot).expect("JSON")),
        ("jsonl", String::from_utf8(lines).expect("UTF-8")),
    ]
}

/// The founding report as it would be with names that give someone away.
fn telling() -> Snapshot {
    let report = fixture("reports/founding-6.12.json")
        .replace("\"devlink\"", "\"secretd\"")
        .replace("kworker/u8:3", "kworker/secret")
        .replace("device dlock.ib.0", "netdev secret0")
        .replace("/lab/run.sh", "/home/secret/run.sh")
        .replace("\"profile net\"", "\"profile net, comm secretd\"")
        .replace(
            "work item cleanup_net on netns",
            "work item cleanup_net on secretq, in write to secret0/mtu",
        );
    read(&report)
}

const ORIGINALS: [&str; 3] = ["secret", "4026531840", "4026532141"];

#[test]
fn no_original_is_left_in_any_format() {
    let open = telling();
    let redacted = redact(&open);
    for (name, out) in all_formats(&redacted) {
        for original in ORIGINALS {
            assert!(!out.contains(original), "{name}: {original}");
        }
        assert!(name == "svg" || out.contains("cleanup_net"), "{name}");
    }
    let shown = all_formats(&open);
    assert!(
        shown.iter().all(|(_, out)| out.contains("secret")),
        "the originals would be seen"
    );
}

#[test]
fn the_founding_report() {
    let options = text::Options::default();
    insta::assert_snapshot!(text::render(&redact(&telling()), options));
}

#[test]
fn what_a_finding_is_about_stays() {
    for (name, text) in cases() {
        let open = read(&text);
        let redacted = redact(&open);
        let about = |snapshot: &Snapshot| -> Vec<_> {
            let findings = snapshot.findings.iter();
            findings
                .map(|finding| {
                    (
                        finding.kind.clone(),
                        finding.verdict.clone(),
                        finding.fingerprint.clone(),
                    )
                })
                .collect()
        };
        assert_eq!(about(&redacted), about(&open), "{name}");
        let functions = |snapshot: &Snapshot| -> Vec<_> {
            let evidence = snapshot.dependencies.iter().flat_map(|of| &of.evidence);
            evidence
                .map(|evidence| (evidence.from_stack.clone(), evidence.to_stack.clone()))
                .collect()
        };
        assert_eq!(functions(&redacted), functions(&open), "{name}");
        let threads = redacted.locks.iter().filter(|lock| lock.kind == "thread");
        let named: Vec<_> = threads.filter(|lock| !lock.name.contains("task-")).collect();
        assert!(named.is_empty(), "{name}: {named:?}");
        let tasks = redacted
            .dependencies
            .iter()
            .flat_map(|of| &of.evidence)
            .map(|evidence| &evidence.task);
        assert!(
            tasks
                .clone()
                .all(|task| task.starts_with("task-") || task.starts_with("unknown task")),
            "{name}"
        );
    }
}
