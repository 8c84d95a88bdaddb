//! The report as a page: it stands alone, and what is in it stays text. docs/formats.md says how it is looked at in a browser.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use serde_json::Value;
use support::{cases, fixture, read};
use tracer::analysis::snapshot::Snapshot;
use tracer::report::html;

fn page(snapshot: &Snapshot) -> String {
    html::render(snapshot).expect("a page")
}

/// What stands between two texts, of which the first is there once.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
    assert_eq!(page.matches(begin).count(), 1, "{begin}");
    let rest = page.split(begin).nth(1).expect("its beginning");
    rest.split(end).next().expect("its end")
}

fn data(page: &str) -> Value {
    let data = between(page, "<script type=\"application/json\" id=\"report\">", "</script>");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn the_page_has_the_document() {
    let snapshot = read(&fixture("reports/founding-6.12.json"));
    let data = data(&page(&snapshot));
    for part in ["findings", "locks", "windows", "capture", "kernel"] {
        assert_eq!(
            data[part],
            serde_json::to_value(&snapshot).expect("JSON")[part],
            "{part}"
        );
    }
    let shown: usize = snapshot.findings.iter().map(|finding| finding.scenario.len()).sum();
    let mut found = 0;
    for side in snapshot.findings.iter().flat_map(|finding| &finding.scenario) {
        let dependencies = data["dependencies"].as_array().expect("dependencies");
        let of = dependencies
            .iter()
            .find(|of| of["id"] == side.dependency)
            .expect("a dependency");
        let evidence = of["evidence"].as_array().expect("evidence");
        found += usize::from(evidence.iter().any(|evidence| evidence["number"] == side.evidence));
    }
    assert_eq!(
        (found, data["dependencies"].as_array().map(Vec::len)),
        (shown, Some(snapshot.dependencies.len()))
    );
}

#[test]
fn it_needs_nothing_from_elsewhere() {
    let page = page(&read(&fixture("cases/c01.std")));
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    for outside in [
        "src=",
        "href=",
        "url(",
        "@import",
        "fetch(",
        "XMLHttpRequest",
        "innerHTML",
        "eval(",
    ] {
        assert!(!page.replace("url(#head", "").contains(outside), "{outside}");
    }
    let addresses: Vec<_> = page.match_indices("http").map(|(at, _)| &page[at..at + 26]).collect();
    assert_eq!(
        addresses
            .iter()
            .filter(|text| text.starts_with("http://www.w3.org/2000/svg"))
            .count(),
        1
    );
    assert!(
        addresses
            .iter()
            .all(|text| text.starts_with("http-equiv") || text.contains("w3.org")),
        "{addresses:?}"
    );
}

#[test]
fn names_stay_text() {
    let evil = "</script><script>alert`1`</script><!--\u{2028}&amp;@DATA@";
    let trace =
        format!("T|acq({evil})|f\nT|acq(B)|g\nT|rel(B)|\nT|rel({evil})|\nU{evil}|acq(B)|h\nU{evil}|acq({evil})|i\n");
    let snapshot = read(&trace);
    let page = page(&snapshot);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains('\u{2028}') && !page.contains("<!--"));
    let names: Vec<_> = data(&page)["locks"]
        .as_array()
        .expect("locks")
        .iter()
        .map(|lock| lock["name"].clone())
        .collect();
    assert!(names.contains(&Value::from(evil)), "{names:?}");
}

#[test]
fn every_case_has_a_page() {
    for (name, text) in cases() {
        let snapshot = read(&text);
        let data = data(&page(&snapshot));
        assert_eq!(
            data["findings"].as_array().map(Vec::len),
            Some(snapshot.findings.len()),
            "{name}"
        );
    }
}
