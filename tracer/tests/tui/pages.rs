//! The documents: the table of keys is the one that the program goes by, and what a page shows is what is seen.

use std::fs;
use std::path::{Path, PathBuf};

use tracer::tui::keys::BINDINGS;
use tracer::tui::model::Screen;

use crate::scenes;
use crate::user::User;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

fn page(name: &str) -> String {
    fs::read_to_string(path(name)).expect("a page")
}

/// Rows of the table in `docs/tui.md`.
fn table() -> String {
    let mut out = "| keys | where | what |\n|---|---|---|\n".to_owned();
    let all: Vec<_> = BINDINGS.iter().flat_map(|binding| binding.screens).collect();
    let is_everywhere = |screens: &[Screen]| {
        let others = [Screen::Filter, Screen::Help, Screen::Export, Screen::Detail];
        all.iter()
            .all(|screen| others.contains(screen) || screens.contains(screen))
    };
    for binding in BINDINGS {
        let keys: Vec<_> = binding
            .keys
            .iter()
            .map(|key| format!("`{}`", key.name(false)))
            .collect();
        let screens: Vec<_> = binding.screens.iter().map(|screen| screen.name()).collect();
        let place = if is_everywhere(binding.screens) {
            "all views".to_owned()
        } else {
            screens.join(", ")
        };
        let live = if binding.is_live { " (of a trace that runs)" } else { "" };
        out.push_str(&format!("| {} | {place} | {}{live} |\n", keys.join(" "), binding.about));
    }
    out
}

/// A page that is not as it should be; with `UPDATE_PAGES=1` it is written anew.
fn check(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(path(name), expected).expect("a page that can be written");
    }
    let page = page(name);
    let differs = page.lines().zip(expected.lines()).find(|(is, should)| is != should);
    assert!(
        page == expected,
        "docs/{name} is not up to date (UPDATE_PAGES=1 writes it anew): {differs:?}"
    );
}

#[test]
fn the_table_of_keys_is_the_programs() {
    let page = page("tui.md");
    let (before, rest) = page.split_once("| keys |").expect("a table of keys");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let end = if after.is_empty() {
        String::new()
    } else {
        format!("\n{after}")
    };
    check("tui.md", &format!("{before}{}{end}", table()));
}

/// Each block of `walk.md` is what is seen after the keys above it: "press `1` `Enter`".
#[test]
fn the_walk_shows_what_is_seen() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (100, 30));
    let mut walked = String::new();
    let page = page("walk.md");
    let mut lines = page.lines();
    let mut blocks = 0;
    while let Some(line) = lines.next() {
        walked.push_str(&format!("{line}\n"));
        if line == "```text" {
            lines.by_ref().find(|line| *line == "```");
            walked.push_str(&format!("{}\n```\n", user.screen().trim_end()));
            blocks += 1;
        } else if let Some((_, keys)) = line.split_once("press `") {
            // Every second piece stands in backticks.
            keys.split('`').step_by(2).for_each(|key| {
                user.press(key);
            });
        }
    }
    assert!(blocks >= 5, "{blocks} screens");
    check("walk.md", &walked);
}
