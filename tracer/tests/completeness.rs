//! Completions and manual pages have every subcommand and every flag: they are held against the definition of the command line.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory;
use support::program::program;
use tracer::cli::Cli;

fn tracer(args: &[&str]) -> String {
    text(&program().args(args).output().expect("tracer runs"))
}

/// What a program printed that had nothing to complain about.
fn text(output: &Output) -> String {
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The subcommands with their long flags.
fn subcommands() -> Vec<(String, Vec<String>)> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let flags = |command: &clap::Command| {
        let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
        shown.filter_map(|flag| flag.get_long().map(str::to_string)).collect()
    };
    command
        .get_subcommands()
        .map(|command| (command.get_name().to_string(), flags(command)))
        .collect()
}

/// What lies between two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end}")).0
}

/// The part of a script that completes the flags of a subcommand, and how a flag begins there.
fn part(shell: &str, script: &str, name: &str) -> (String, &'static str) {
    match shell {
        "bash" => {
            let opts = between(script, &format!("tracer__subcmd__{name})\n            opts=\""), "\"");
            (format!(" {opts} "), " --")
        }
        "zsh" => (
            between(script, &format!("({name})\n_arguments "), "\n;;").to_string(),
            "--",
        ),
        "fish" => {
            let mark = format!("\"__fish_tracer_using_subcommand {name}\"");
            let lines = script.lines().filter(|line| line.contains(&mark));
            (lines.map(|line| format!("{line}\n")).collect(), " -l ")
        }
        "elvish" => {
            let cases = between(script, &format!("&'tracer;{name}'= {{"), "\n        }");
            (cases.to_string(), "cand --")
        }
        "powershell" => {
            let cases = between(script, &format!("'tracer;{name}' {{"), "break");
            (cases.to_string(), "new('--")
        }
        _ => panic!("no test of {shell}"),
    }
}

/// Whether a flag is there as a whole word: `--all` is not `--allowed`.
fn has(part: &str, before: &str, flag: &str) -> bool {
    let mark = format!("{before}{flag}");
    let follows = |end: usize| part[end..].chars().next();
    part.match_indices(&mark)
        .any(|(at, _)| !follows(at + mark.len()).is_some_and(|next| next.is_alphanumeric() || next == '-'))
}

#[test]
fn completions_have_every_subcommand_and_every_flag() {
    let shells = <clap_complete::Shell as clap::ValueEnum>::value_variants();
    for shell in shells.iter().map(ToString::to_string) {
        let script = tracer(&["completions", &shell]);
        for (name, flags) in subcommands() {
            let (part, before) = part(&shell, &script, &name);
            assert!(!part.trim().is_empty(), "{shell}: {name}");
            for flag in flags {
                assert!(has(&part, before, &flag), "{shell}: {name} --{flag}\n{part}");
            }
        }
    }
}

#[test]
fn bash_completes_what_was_begun() {
    let script = tracer(&["completions", "bash"]);
    let complete = |words: &str, at: usize| {
        let run = format!(
            "{script}\nCOMP_WORDS=({words}) COMP_CWORD={at}\n_tracer tracer \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"\necho \"${{COMPREPLY[@]}}\""
        );
        text(&Command::new("bash").args(["-c", &run]).output().expect("bash runs"))
    };
    assert_eq!(complete("tracer rep", 1), "report\n");
    assert_eq!(complete("tracer report --fail", 2), "--fail-on\n");
    assert_eq!(complete("tracer report --fail-on n", 3), "note never\n");
    assert_eq!(complete("tracer list pro", 2), "probes profiles\n");
}

#[test]
fn there_is_a_manual_page_for_every_subcommand_with_every_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    tracer(&["man", folder.path().to_str().expect("UTF-8")]);
    let page = |name: &str| {
        let page = fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        page.replace("\\-", "-")
    };
    let whole = page("tracer.1");
    assert_eq!(tracer(&["man"]).replace("\\-", "-"), whole);
    let mut pages = vec!["tracer.1".to_string()];
    for (name, flags) in subcommands() {
        assert!(whole.contains(&format!("tracer-{name}(1)")), "{name}");
        let file = format!("tracer-{name}.1");
        let page = page(&file);
        let title = format!(".TH tracer-{name} 1  \"tracer {}\"", env!("CARGO_PKG_VERSION"));
        assert!(page.contains(&title), "{page}");
        let (_, options) = page.split_once(".SH OPTIONS\n").expect("options");
        for flag in flags {
            assert!(has(options, "\\fB--", &flag), "{name} --{flag}\n{page}");
        }
        pages.push(file);
    }
    // Each page that is named is there, and none beside them.
    let entries = fs::read_dir(folder.path()).expect("the folder").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("UTF-8")
    });
    let mut written: Vec<_> = entries.collect();
    written.sort_unstable();
    pages.sort_unstable();
    assert_eq!(written, pages);
}

#[test]
fn the_readme_names_every_subcommand() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("README.md");
    let usage = between(&readme, "\n## Use\n", "\n## ");
    for (name, _) in subcommands() {
        assert!(has(usage, "tracer ", &name), "{name}");
    }
}
