//! The report that people read: findings first, then what was traced and what was lost.

mod clean;
pub mod diff;
mod evidence;
mod excerpt;
mod finding;
mod scenario;
mod summary;

use crate::analysis::snapshot::{Finding, Held, Snapshot};
use crate::report::style::Style;
use summary::Totals;

/// What to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Show findings of severity `note`.
    pub notes: bool,
    /// List the findings that are allowed.
    pub allowed: bool,
    /// How.
    pub style: Style,
}

/// The report, 80 columns wide where the names allow it.
pub fn render(snapshot: &Snapshot, options: Options) -> String {
    let is_shown = |finding: &&Finding| options.notes || finding.severity != "note";
    let shown: Vec<_> = snapshot.findings.iter().filter(is_shown).collect();
    let totals = Totals::of(snapshot);
    let excerpt = excerpt::of(snapshot, &shown);
    let excerpt = &*clean::printable(&excerpt);
    let mut out = String::new();
    for finding in &excerpt.findings {
        out.push_str(&finding::render(excerpt, finding, options.style));
        out.push('\n');
    }
    out.push_str(&summary::render(excerpt, &totals, options));
    out
}

/// The name of a lock by its id.
fn lock_name(snapshot: &Snapshot, id: u32) -> &str {
    // A document of tracer's own has them in order.
    let ordered = snapshot.locks.binary_search_by_key(&id, |lock| lock.id).ok();
    let known = ordered.and_then(|index| snapshot.locks.get(index));
    let lock = known.or_else(|| snapshot.locks.iter().find(|lock| lock.id == id));
    lock.map_or("?", |lock| &lock.name)
}

/// A task as shown everywhere: `devlink/4711`, or without a thread id where the source has none.
fn task(name: &str, pid: Option<u32>) -> String {
    pid.map_or_else(|| name.to_string(), |pid| format!("{name} (pid {pid})"))
}

/// A held stack, one item a lock: `pernet_ops_rwsem (shared)`.
fn held(snapshot: &Snapshot, held: &[Held]) -> Vec<String> {
    let name = |held: &Held| {
        let trylock = if held.trylock { ", trylock" } else { "" };
        format!("{} ({}{trylock})", lock_name(snapshot, held.lock), held.mode)
    };
    held.iter().map(name).collect()
}

/// `1 note`, `2 notes`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time of the capture: `12.345678 s`.
fn time(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}
