//! The graph of the locks, for Graphviz and drawn.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{cases, fixture, read};
use tracer::report::{dot, svg};

#[test]
fn the_founding_report_for_graphviz() {
    let snapshot = read(&fixture("reports/founding-6.12.json"));
    insta::assert_snapshot!(dot::render(&snapshot, false, false));
}

#[test]
fn the_founding_report_drawn() {
    let snapshot = read(&fixture("reports/founding-6.12.json"));
    insta::assert_snapshot!(svg::render(&snapshot, false));
}

#[test]
fn nothing_found() {
    let snapshot = read(&fixture("cases/c01-fixed.std"));
    assert!(dot::render(&snapshot, true, false).contains("label=\"No findings.\""));
    assert!(svg::render(&snapshot, true).contains(">No findings.</text>"));
    let all = dot::render(&snapshot, true, true);
    assert_eq!(all.matches(" -> l").count(), snapshot.dependencies.len());
}

/// Tags are balanced and every name is text.
fn is_xml(text: &str) -> bool {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        let Some((tag, after)) = tag.split_once('>') else {
            return false;
        };
        let is_style = open.last() == Some(&"style");
        if before.contains('>') || (!is_style && before.split('&').skip(1).any(|entity| !entity.contains(';'))) {
            return false;
        }
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap_or_default());
        }
        rest = after;
    }
    open.is_empty()
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let trace =
        "T|acq(<script>\"&\\)|f<b>\nT|acq(B)|g\nT|rel(B)|\nT|rel(<script>\"&\\)|\nU|acq(B)|h\nU|acq(<script>\"&\\)|i\n";
    let snapshot = read(trace);
    let drawn = svg::render(&snapshot, false);
    assert!(
        is_xml(&drawn) && !drawn.contains("<script") && drawn.contains("&lt;script&gt;&quot;&amp;\\"),
        "{drawn}"
    );
    let graph = dot::render(&snapshot, false, false);
    assert!(graph.contains("label=\"<script>\\\"&\\\\\""), "{graph}");
}

#[test]
fn every_case_can_be_drawn() {
    for (name, text) in cases() {
        let snapshot = read(&text);
        assert!(is_xml(&svg::render(&snapshot, true)), "{name}");
        let graph = dot::render(&snapshot, true, true);
        // A quote that is no part of a string is never escaped: they come in pairs.
        assert_eq!(
            graph.replace("\\\\", "").replace("\\\"", "").matches('"').count() % 2,
            0,
            "{name}"
        );
        assert!(!graph.contains('\u{1b}'), "{name}");
    }
}
