//! What words mean, for a terminal.

use super::style::Style;
use super::wrap::wrap;
use crate::explain::Entry;

/// Words with their whole texts.
pub fn render(entries: &[Entry], style: Style) -> String {
    let entry = |entry: &Entry| {
        let mut out = format!("{} ({})\n", style.heading(entry.name), entry.group.to_lowercase());
        for paragraph in entry.text.split("\n\n") {
            out.push_str(&format!("\n{}", wrap("  ", "  ", &paragraph.replace('`', ""))));
        }
        out
    };
    entries.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// All words by their groups, each with its first sentence.
pub fn list(entries: impl Iterator<Item = Entry>, style: Style) -> String {
    let mut out = String::new();
    let mut group = "";
    for entry in entries {
        if entry.group != group {
            let gap = if group.is_empty() { "" } else { "\n" };
            out.push_str(&format!("{gap}{}\n", style.heading(entry.group)));
            group = entry.group;
        }
        let first = entry
            .text
            .split(". ")
            .next()
            .unwrap_or_default()
            .split("\n\n")
            .next()
            .unwrap_or_default();
        let first = first.trim_end_matches('.').replace('`', "");
        out.push_str(&wrap(&format!("  {:<24} ", entry.name), &" ".repeat(27), &first));
    }
    out
}
