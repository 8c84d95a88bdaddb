//! Findings: when all of one had been seen, and what it is.

use super::note::Notes;
use super::timeline::Event;
use crate::analysis::snapshot::Finding;

/// A finding as an instant.
pub(super) fn event(finding: &Finding) -> Event {
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.severity);
    Event {
        category: "finding",
        name: format!("#{} {verdict}: {}", finding.id, finding.title),
        notes: Notes::new()
            .text("kind", &finding.kind)
            .maybe_text("verdict", finding.verdict.as_deref())
            .text("level", &finding.level)
            .text("severity", &finding.severity)
            .text("reason", &finding.reason)
            .text("fingerprint", &finding.fingerprint)
            .list("locks", &finding.locks)
            .list("dependencies", finding.dependencies.iter().map(u32::to_string))
            .count("count", finding.count),
        flows: Vec::new(),
    }
}

/// A finding beside what it is about: `#2 inversion possible 7ff50cd9e4e80163`.
pub(super) fn name(finding: &Finding) -> String {
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.severity);
    format!("#{} {} {verdict} {}", finding.id, finding.kind, finding.fingerprint)
}
