//! Findings in lockdep's own layout, so that people and scripts read them by reflex: `print_circular_bug()` and `print_deadlock_bug()` of
//! kernel/locking/lockdep.c, 6.12.
//!
//! What lockdep does not say (verdict, reason, fingerprint, names of objects) stands in lines with `#` before each splat.

mod circle;
mod frame;
mod layout;

use super::wrap::wrap;
use super::{clean, excerpt};
use crate::analysis::snapshot::{Finding, Snapshot};
use circle::Circle;

/// All findings that are cycles, one splat each; with `notes`, those that cannot deadlock as well.
pub fn render(snapshot: &Snapshot, notes: bool) -> String {
    let shown = excerpt::shown(snapshot, notes);
    if shown.is_empty() {
        return "# No findings.\n".to_string();
    }
    let splats = shown.into_iter().map(|finding| splat(snapshot, finding));
    splats.collect::<Vec<_>>().join("\n")
}

fn splat(snapshot: &Snapshot, finding: &Finding) -> String {
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
    let remark = |text: &str| wrap("# ", "#   ", &clean::text(text));
    let mut out = remark(&format!(
        "#{} {}: {verdict} ({} level): {}",
        finding.id, finding.severity, finding.level, finding.title
    ));
    out.push_str(&remark(&format!("why: {}", finding.reason)));
    out.push_str(&remark(&format!("fingerprint: {}", finding.fingerprint)));
    let circle = finding.verdict.as_ref().and_then(|_| Circle::of(snapshot, finding));
    let Some(circle) = circle else {
        out.push_str(&remark(
            "lockdep has no layout for this one; the other formats tell more.",
        ));
        return out;
    };
    for (class, name) in circle.objects() {
        out.push_str(&remark(&format!("{class} is {name}")));
    }
    out.push('\n');
    out.push_str(&layout::render(&circle));
    out
}
