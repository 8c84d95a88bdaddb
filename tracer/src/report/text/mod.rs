//! The report that people read: findings first, then what was traced and what was lost.

pub mod diff;
mod evidence;
mod finding;
mod summary;
mod waits;

use crate::analysis::snapshot::{Finding, Snapshot};
use crate::report::style::Style;
use crate::report::totals::Totals;
use crate::report::{clean, excerpt};

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

/// One finding, as it stands in the report.
pub fn one(snapshot: &Snapshot, finding: &Finding, style: Style) -> String {
    let excerpt = excerpt::of(snapshot, &[finding]);
    let excerpt = &*clean::printable(&excerpt);
    excerpt
        .findings
        .iter()
        .map(|finding| finding::render(excerpt, finding, style))
        .collect()
}

/// The report, 80 columns wide where the names allow it.
pub fn render(snapshot: &Snapshot, options: Options) -> String {
    let shown = excerpt::shown(snapshot, options.notes);
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
