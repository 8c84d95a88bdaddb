//! One finding: what it is, why, the scenario, and the evidence of every side.

use super::evidence;
use crate::analysis::snapshot::{Finding, ScenarioStep, Snapshot};
use crate::report::scenario;
use crate::report::style::Style;
use crate::report::wrap::{WIDTH, wrap, wrap_items};

/// One finding.
pub(super) fn render(snapshot: &Snapshot, finding: &Finding, style: Style) -> String {
    let mut out = format!("{}\n", "=".repeat(WIDTH));
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
    let head = format!(
        "{}: {verdict} ({} level)",
        finding.severity.to_uppercase(),
        finding.level
    );
    out.push_str(&format!(
        "#{} {}\n",
        finding.id,
        style.severity(&finding.severity, &head)
    ));
    out.push_str(&wrap("", "    ", &finding.title));
    out.push_str(&format!("{}\n", "-".repeat(WIDTH)));
    let chain = arrows(finding);
    if !chain.is_empty() {
        out.push_str(&chain);
        out.push('\n');
    }
    out.push_str(&wrap("  why: ", "       ", &finding.reason));
    if finding.count > 1 {
        let what = if finding.scenario.is_empty() {
            "times"
        } else if finding.verdict.is_none() {
            "pairs of such locks"
        } else {
            "sets of such locks"
        };
        out.push_str(&format!("  seen: {} {what}\n", finding.count));
    }
    out.push_str(&format!("  fingerprint: {}\n", finding.fingerprint));
    if !finding.scenario.is_empty() {
        out.push('\n');
        out.push_str(&scenario::render(finding, WIDTH));
    }
    for (number, side) in (1..).zip(&finding.scenario) {
        out.push('\n');
        out.push_str(&evidence::render(snapshot, number, side));
    }
    out
}

/// The circle as a chain of arrows: what each task holds up to what it waits for, which is where the next one starts.
fn arrows(finding: &Finding) -> String {
    let mut out = String::new();
    for (number, side) in (1..).zip(&finding.scenario) {
        out.push_str(&wrap("  ", "     ", &format!("#{number} {}", side.task)));
        let items: Vec<_> = side.steps.iter().map(lock).collect();
        out.push_str(&wrap_items("     ", " -> ", &items));
    }
    out
}

fn lock(step: &ScenarioStep) -> String {
    let waits = if step.state == "waits" { ", waits" } else { "" };
    match step.op.as_str() {
        "lock" => format!("{} ({}{waits})", step.lock, step.mode),
        "trylock" => format!("{} ({}, trylock{waits})", step.lock, step.mode),
        op => format!("{} ({op}{waits})", step.lock),
    }
}
