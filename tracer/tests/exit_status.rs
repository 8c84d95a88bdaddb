//! The exit status of `report` and `diff` for every threshold, and of what is no command line: `docs/formats.md` §3.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::fs;
use std::process::Output;

use clap::CommandFactory;
use support::fixture;
use support::program::program;
use tempfile::TempDir;
use tracer::cli::Cli;

/// A case whose most severe finding is of each severity, the most severe first, and one without a finding.
const CASES: [&str; 5] = ["c12", "c01", "c03-trylock", "c17", "c01-fixed"];
/// The thresholds in the same order.
const FAIL_ON: [&str; 5] = ["critical", "error", "warning", "note", "never"];
/// What makes a trace incomplete and is no finding.
const LOSS: &str = "T9|rel(W)|1\n";

fn run(args: &[&str]) -> Output {
    program().args(args).output().expect("tracer runs")
}

fn status(args: &[&str]) -> i32 {
    run(args).status.code().expect("no signal")
}

/// A file of this text.
fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_string()
}

/// Each case with each threshold, and whether its findings reach it.
fn every_threshold() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    CASES.iter().enumerate().flat_map(|(severity, case)| {
        let reached = move |threshold| threshold != 4 && severity <= threshold && severity != 4;
        FAIL_ON
            .iter()
            .enumerate()
            .map(move |(threshold, fail_on)| (*case, *fail_on, reached(threshold)))
    })
}

#[test]
fn a_report_with_every_threshold() {
    let folder = tempfile::tempdir().expect("a folder");
    for (case, fail_on, reached) in every_threshold() {
        let text = fixture(&format!("cases/{case}.std"));
        let whole = file(&folder, "whole.std", &text);
        let lossy = file(&folder, "lossy.std", &(text + LOSS));
        let of = |path: &str, strict: &[&str]| status(&[&["report", path, "--fail-on", fail_on], strict].concat());
        let found = i32::from(reached);
        let what = format!("{case} --fail-on {fail_on}");
        assert_eq!(of(&whole, &[]), found, "{what}");
        assert_eq!(of(&whole, &["--strict"]), found, "{what} --strict");
        assert_eq!(of(&lossy, &[]), found, "{what}, something lost");
        let strict = if reached { 1 } else { 4 };
        assert_eq!(of(&lossy, &["--strict"]), strict, "{what} --strict, something lost");
    }
}

#[test]
fn a_difference_with_every_threshold() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = file(&folder, "before.std", "T1|acq(A)|1\n");
    for (case, fail_on, reached) in every_threshold() {
        let text = fixture(&format!("cases/{case}.std"));
        let after = file(&folder, "after.std", &text);
        let lossy = file(&folder, "lossy.std", &(text + LOSS));
        let of = |a: &str, b: &str, strict: &[&str]| status(&[&["diff", a, b, "--fail-on", fail_on], strict].concat());
        let found = i32::from(reached);
        let what = format!("{case} --fail-on {fail_on}");
        assert_eq!(of(&before, &after, &[]), found, "{what}");
        assert_eq!(of(&after, &after, &[]), 0, "{what}, the same twice");
        assert_eq!(of(&before, &after, &["--strict"]), found, "{what} --strict");
        assert_eq!(of(&before, &lossy, &[]), found, "{what}, something lost");
        let strict = if reached { 1 } else { 4 };
        assert_eq!(of(&before, &lossy, &["--strict"]), strict, "{what} --strict, lost in B");
        assert_eq!(of(&lossy, &after, &["--strict"]), 4, "{what} --strict, lost in A");
    }
    let case = file(&folder, "case.std", &fixture("cases/c01-fixed.std"));
    let new_dependency = |a: &str, b: &str| status(&["diff", a, b, "--fail-on", "new-dependency"]);
    assert_eq!((new_dependency(&before, &case), new_dependency(&case, &before)), (1, 0));
}

#[test]
fn unknown_flags_and_values_are_usage_errors() {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let refused = |args: &[&str], word: &str| {
        let output = run(args);
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty() && stderr.contains(word), "{args:?}: {stderr}");
    };
    refused(&[], "Usage: tracer");
    refused(&["--nonsense"], "--nonsense");
    refused(&["nonsense"], "nonsense");
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        refused(&[name, "--nonsense"], "--nonsense");
        let of_a_list = |arg: &&clap::Arg| arg.get_action().takes_values() && !arg.get_possible_values().is_empty();
        for arg in subcommand.get_arguments().filter(of_a_list) {
            match arg.get_long() {
                Some(long) => refused(&[name, &format!("--{long}=nonsense")], "invalid value 'nonsense'"),
                None => refused(&[name, "nonsense"], "invalid value 'nonsense'"),
            }
        }
        if subcommand.get_positionals().any(clap::Arg::is_required_set) {
            refused(&[name], "required");
        }
    }
}

#[cfg(feature = "live")]
#[test]
fn what_is_wrong_with_a_trace_is_told_before_it_begins() {
    for arg in [
        "--backend=nonsense",
        "--duration=soon",
        "--pid=0",
        "--record-size=much",
        "--objects=-1",
    ] {
        let output = run(&["run", arg, "--", "true"]);
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        let flag = arg.split('=').next().expect("a flag");
        assert_eq!(output.status.code(), Some(2), "{arg}");
        assert!(output.stdout.is_empty() && stderr.contains(flag), "{arg}: {stderr}");
    }
    assert_eq!(status(&["record", "--", "true"]), 2);
}

#[test]
fn asking_for_help_is_no_error() {
    for args in [&["--help"][..], &["--version"], &["report", "-h"], &["help", "diff"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{args:?}");
    }
}
