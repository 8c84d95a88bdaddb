//! The screens of the text report, 80 columns wide.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use support::read;
use tracer::report::text;

fn case(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"));
    let trace = std::fs::read_to_string(path).expect("a case");
    screen(&trace)
}

fn screen(trace: &str) -> String {
    text::render(
        &read(trace),
        text::Options {
            notes: true,
            ..text::Options::default()
        },
    )
}

#[test]
fn an_inversion() {
    insta::assert_snapshot!(case("c01"));
}

#[test]
fn a_recursion() {
    insta::assert_snapshot!(case("c01b"));
}

#[test]
fn a_guarded_cycle_of_three() {
    insta::assert_snapshot!(case("c17"));
}

#[test]
fn shared_requests() {
    insta::assert_snapshot!(screen(&support::trace("T1: R(A) B / T2: B R(A) / T3: W(A)", "M")));
}

#[test]
fn too_many_columns_are_stacked() {
    insta::assert_snapshot!(screen(&support::trace(
        "T1: A B / T2: B C / T3: C D / T4: D E / T5: E A",
        "M"
    )));
}

#[test]
fn breaches_losses_and_who_waits() {
    let trace = "T1|rel(G)|1\nT1|acq(A)|2\nT1|init(A)|3\nT1|rel(A)|4\nT2|acq(A)|5\nT1|req(A)|6\n";
    insta::assert_snapshot!(screen(trace));
}

#[test]
fn nothing_found() {
    insta::assert_snapshot!(case("c01-fixed"));
}

#[test]
fn lines_fit_a_terminal() {
    for name in ["c01", "c17", "founding-6.12"] {
        let long: Vec<_> = case(name)
            .lines()
            .filter(|line| line.chars().count() > 80)
            .map(str::to_string)
            .collect();
        assert!(long.is_empty(), "{name}: {long:?}");
    }
}
