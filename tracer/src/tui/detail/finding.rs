//! A finding: what it is, why, the schedule that deadlocks, and the evidence of each side.

use ratatui::text::Line;

use super::{Page, sides};
use crate::analysis::snapshot::{Dependency, Finding, Side};
use crate::report::{excerpt, phrase, scenario, splat as splats};
use crate::tui::list::seconds;
use crate::tui::scene::Scene;

pub(super) fn lines(mut page: Page, scene: &Scene, row: u32) -> Vec<Line<'static>> {
    let Some(finding) = scene.snapshot.findings.get(row as usize) else {
        return page.lines;
    };
    let verdict = finding.verdict.as_deref().unwrap_or(&finding.kind);
    let head = format!(
        "#{} {}: {verdict} ({} level)",
        finding.id,
        finding.severity.to_uppercase(),
        finding.level
    );
    page.styled(&head, page.theme.severity(&finding.severity));
    page.heading(&finding.title);
    page.blank();
    page.told("why: ", &finding.reason);
    page.told("", &seen(scene, finding, row));
    if !finding.scenario.is_empty() {
        page.blank();
        let text = scenario::render(finding, page.width);
        page.text(&text);
    }
    for (number, side) in (1..).zip(&finding.scenario) {
        if let Some(dependency) = scene.dependency(side.dependency) {
            page.blank();
            side_lines(&mut page, scene, number, side, dependency);
        }
    }
    breaks(&mut page, scene, finding);
    page.lines
}

fn seen(scene: &Scene, finding: &Finding, row: u32) -> String {
    let times = if finding.count > 1 {
        format!("{} times, ", finding.count)
    } else {
        String::new()
    };
    format!(
        "seen: {times}first at {}, last at {}; fingerprint {}",
        seconds(finding.first_ns),
        seconds(scene.last_seen(row)),
        finding.fingerprint
    )
}

fn side_lines(page: &mut Page, scene: &Scene, number: usize, side: &Side, dependency: &Dependency) {
    page.heading(&format!("#{number} {}", phrase::task(&side.task, side.pid)));
    sides::between(page, scene, dependency, side.evidence as usize);
}

/// The fewest acquisitions without which none of these cycles is left.
fn breaks(page: &mut Page, scene: &Scene, finding: &Finding) {
    let choices = scene
        .snapshot
        .breaks
        .iter()
        .filter(|set| set.findings.contains(&finding.id));
    let mut choices = choices.flat_map(|set| &set.choices).peekable();
    if choices.peek().is_none() {
        return;
    }
    page.blank();
    page.heading("What breaks it");
    for (place, choice) in choices.enumerate() {
        let or = if place == 0 { "   " } else { "or " };
        page.told(&format!("  {or}without "), &choice.without.join(" and "));
    }
}

/// A finding as lockdep would print it.
pub fn splat(scene: &Scene, row: u32) -> String {
    let Some(finding) = scene.snapshot.findings.get(row as usize) else {
        return String::new();
    };
    splats::render(&excerpt::only(&scene.snapshot, finding.id), true)
}
