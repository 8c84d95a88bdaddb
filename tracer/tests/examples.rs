//! The examples of `README.md` and `docs/`: those in `console` blocks are run from the root of the repository and print what they show.
//!
//! Shown anew by `TRYCMD=overwrite cargo test -p tracer --test examples`. What takes root or a virtual machine is in no such block; its flags
//! are looked up, and the founding report is an excerpt of the one that the lab brought back.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use tracer::cli::Cli;

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the root")
}

/// Names of the pages from the root on, in order.
fn pages() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).expect("docs").map(|entry| {
        let name = entry.expect("an entry").file_name();
        format!("docs/{}", name.to_str().expect("UTF-8"))
    });
    let mut pages: Vec<_> = docs.filter(|name| name.ends_with(".md")).collect();
    pages.push("README.md".to_string());
    pages.sort_unstable();
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

#[test]
fn examples_print_what_they_show() {
    // Where the reader is, too.
    std::env::set_current_dir(root()).expect("the root");
    let examples = trycmd::TestCases::new();
    examples.register_bin("tracer", Path::new(env!("CARGO_BIN_EXE_tracer")));
    examples.register_bin("cat", Path::new("/bin/cat"));
    for page in pages() {
        examples.case(page);
    }
}

#[test]
fn every_page_that_shows_what_files_bring_has_examples() {
    for page in [
        "README.md",
        "docs/explain.md",
        "docs/formats.md",
        "docs/recording.md",
        "docs/rules.md",
    ] {
        assert!(read(page).contains("\n```console\n$ tracer "), "{page}");
    }
    for page in pages() {
        assert!(
            !read(&page).contains("\n    $ tracer "),
            "{page}: an example that is not run"
        );
    }
}

#[test]
fn the_founding_report_is_the_beginning_of_the_whole_one() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("What it prints:\n\n```text\n").expect("the report");
    let (excerpt, _) = rest.split_once("```\n").expect("its end");
    assert!(read("docs/founding-report.txt").starts_with(excerpt));
    assert!(excerpt.lines().count() > 50);
}

/// Each place where a page calls the program, with what follows: `report --notes FILE`. In running text its name can be missing: `report --notes`.
fn calls(page: &str) -> Vec<&str> {
    let named = page.lines().flat_map(|line| line.split("tracer ").skip(1));
    let short = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let end = |call: &'_ str| call.find(['`', '#', ';']).unwrap_or(call.len());
    named.map(|call| &call[..end(call)]).chain(short).collect()
}

/// Flags that are only there with the TUI.
const OF_TUI: [&str; 3] = ["tui", "no-tui", "ascii"];

#[test]
fn every_flag_that_is_told_is_there() {
    let mut command = Cli::command();
    command.build();
    let mut seen = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        for call in calls(&text) {
            let mut words = call.split_whitespace();
            let Some(subcommand) = words.next().and_then(|name| command.find_subcommand(name)) else {
                continue;
            };
            let flags = words
                .map(|word| word.trim_matches(['[', ']', ',']))
                .take_while(|word| *word != "--")
                .filter_map(|word| word.strip_prefix("--"));
            for flag in flags.filter(|flag| cfg!(feature = "tui") || !OF_TUI.contains(flag)) {
                let name = subcommand.get_name();
                let is_there = subcommand.get_arguments().any(|arg| arg.get_long() == Some(flag));
                assert!(is_there, "{page}: {name} has no --{flag}: {call}");
                seen.insert(format!("{name} --{flag}"));
            }
        }
    }
    assert!(
        seen.contains("report --redact") && seen.contains("diff --format"),
        "{seen:?}"
    );
    #[cfg(feature = "live")]
    assert!(
        seen.contains("run --netns") && seen.contains("check --json"),
        "{seen:?}"
    );
}
