//! How much there is in a document.

use crate::analysis::snapshot::Snapshot;

/// How much there is in the whole document, of which the text is an excerpt.
pub(crate) struct Totals {
    /// Findings by severity, the most severe first.
    pub(crate) findings: [(&'static str, usize); 4],
    pub(crate) all_findings: usize,
    pub(crate) locks: usize,
    pub(crate) dependencies: usize,
}

impl Totals {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let of = |severity| {
            let findings = snapshot.findings.iter();
            findings.filter(|finding| finding.severity == severity).count()
        };
        Self {
            findings: ["critical", "error", "warning", "note"].map(|severity| (severity, of(severity))),
            all_findings: snapshot.findings.len(),
            locks: snapshot.locks.len(),
            dependencies: snapshot.dependencies.len(),
        }
    }

    /// In words: `Findings: 1 critical, 2 errors`.
    pub(crate) fn counts(&self) -> String {
        let total = self.findings;
        if total.iter().all(|(_, count)| *count == 0) {
            return "No findings.".to_string();
        }
        let plural = |severity, count| if count > 1 && severity != "critical" { "s" } else { "" };
        let present = total.iter().filter(|(_, count)| *count > 0);
        let parts: Vec<_> = present
            .map(|&(severity, count)| format!("{count} {severity}{}", plural(severity, count)))
            .collect();
        format!("Findings: {}", parts.join(", "))
    }
}
