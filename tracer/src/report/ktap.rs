//! Findings as test results, for kselftest and netdev CI: KTAP version 1, Documentation/dev-tools/ktap.rst of the kernel.

use super::wrap::wrap_to;
use super::{clean, excerpt, phrase, scenario};
use crate::analysis::rules::KINDS;
use crate::analysis::snapshot::{Finding, Snapshot};

/// What is shown and what fails.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Show findings of severity `note`.
    pub notes: bool,
    /// Whether a finding of this severity fails; one that does not is an expected one (`XFAIL`).
    pub fails: &'a dyn Fn(&str) -> bool,
    /// Whether a capture that is not complete fails, rather than being skipped.
    pub strict: bool,
}

/// One result a finding, one for each kind of which there is none, and one for the capture.
pub fn render(snapshot: &Snapshot, options: Options<'_>) -> String {
    let shown = excerpt::shown(snapshot, options.notes);
    let excerpt = excerpt::of(snapshot, &shown);
    let excerpt = &*clean::printable(&excerpt);
    let mut tests = vec![capture(excerpt, options.strict)];
    tests.extend(excerpt.findings.iter().map(|finding| failed(finding, options)));
    let found = |kind: &str| excerpt.findings.iter().any(|finding| finding.kind == kind);
    let clean = KINDS.into_iter().filter(|kind| !found(kind));
    tests.extend(clean.map(|kind| Test {
        ok: true,
        description: format!("no {kind}"),
        directive: None,
        diagnostics: String::new(),
    }));
    let mut out = format!("KTAP version 1\n1..{}\n", tests.len());
    for (number, test) in (1..).zip(&tests) {
        out.push_str(&test.render(number));
    }
    out
}

struct Test {
    ok: bool,
    description: String,
    /// What stands behind `#`.
    directive: Option<String>,
    diagnostics: String,
}

impl Test {
    fn render(&self, number: usize) -> String {
        let diagnostics = self.diagnostics.lines();
        let mut out: String = diagnostics
            .map(|line| format!("# {line}").trim_end().to_string() + "\n")
            .collect();
        let result = if self.ok { "ok" } else { "not ok" };
        // A description cannot have a hash sign, which names of locks can.
        let description = self.description.replace('#', ":");
        let directive = self
            .directive
            .as_ref()
            .map(|text| format!(" # {text}"))
            .unwrap_or_default();
        out.push_str(&format!("{result} {number} {description}{directive}\n"));
        out
    }
}

fn capture(snapshot: &Snapshot, strict: bool) -> Test {
    let capture = &snapshot.capture;
    let tool = &snapshot.tool;
    let lost = phrase::lost(capture);
    let about = format!("{} {}, backend {}\n", tool.name, tool.version, capture.backend);
    let kernel = wrap_to(COLUMNS, "kernel: ", "  ", &phrase::kernel(&snapshot.kernel));
    Test {
        ok: capture.complete || !strict,
        description: "capture is complete".to_string(),
        directive: (!capture.complete).then(|| if strict { lost } else { format!("SKIP {lost}") }),
        diagnostics: about + &kernel,
    }
}

fn failed(finding: &Finding, options: Options<'_>) -> Test {
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.severity);
    let (fails, severity) = ((options.fails)(&finding.severity), &finding.severity);
    let expected = if fails {
        String::new()
    } else {
        format!("XFAIL {severity} ")
    };
    let mut diagnostics = wrap_to(
        COLUMNS,
        "",
        "  ",
        &format!("{}: {}", severity.to_uppercase(), finding.title),
    );
    diagnostics.push_str(&wrap_to(COLUMNS, "why: ", "  ", &finding.reason));
    if !finding.scenario.is_empty() {
        diagnostics.push_str(&format!("\n{}", scenario::render(finding, COLUMNS)));
    }
    Test {
        ok: !fails,
        description: format!("{} {verdict} {}", finding.kind, finding.locks.join(", ")),
        directive: Some(format!("{expected}{}", finding.fingerprint)),
        diagnostics,
    }
}

/// Columns of a scenario behind `# `.
const COLUMNS: usize = 78;
