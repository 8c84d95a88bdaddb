//! The report as the text of a mail.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use support::{cases, fixture, read};
use tracer::report::mail;

fn mail(name: &str) -> String {
    mail::render(&read(&fixture(name)), false)
}

#[test]
fn the_founding_report() {
    insta::assert_snapshot!(mail("reports/founding-6.12.json"));
}

#[test]
fn a_text_trace() {
    insta::assert_snapshot!(mail("cases/c01.std"));
}

#[test]
fn nothing_found() {
    insta::assert_snapshot!(mail("cases/c01-fixed.std"));
}

#[test]
fn lines_fit_a_mail_and_have_nothing_that_steers() {
    for (name, text) in cases() {
        let mail = mail::render(&read(&text), true);
        let is_long = |line: &&str| line.chars().count() > 75 && line.trim_start().contains(' ');
        let long: Vec<_> = mail.lines().filter(is_long).collect();
        assert!(long.is_empty(), "{name}: {long:#?}");
        assert!(
            !mail.contains('\t') && mail.chars().all(|c| c == '\n' || !c.is_control()),
            "{name}"
        );
    }
}

#[test]
fn a_command_can_be_pasted() {
    let mut snapshot = read(&fixture("reports/founding-6.12.json"));
    let command = ["ip", "netns", "del", "it's n1"];
    snapshot.capture.command = Some(command.map(str::to_string).to_vec());
    let mail = mail::render(&snapshot, false);
    assert!(mail.contains("Command:  ip netns del 'it'\\''s n1'\n"), "{mail}");
}
