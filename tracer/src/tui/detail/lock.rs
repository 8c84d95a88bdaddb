//! A lock: what it is, who has it, what it is taken under and what is taken under it.

use ratatui::text::Line;

use super::{MOST, Page, sides};
use crate::analysis::event::NamedBy;
use crate::analysis::snapshot::Lock;
use crate::report::phrase;
use crate::tui::list::seconds;
use crate::tui::scene::Scene;

pub(super) fn lines(mut page: Page, scene: &Scene, row: u32, moment: Option<u64>) -> Vec<Line<'static>> {
    let (Some(lock), Some(facts)) = (scene.lock(row), scene.facts(row)) else {
        return page.lines;
    };
    page.heading(&lock.name);
    let label = lock
        .label
        .as_ref()
        .map_or_else(String::new, |label| format!(", {label}"));
    let by = lock
        .named_by
        .map_or_else(String::new, |by| format!("; named by its {}", rests_on(by)));
    page.told("", &format!("{} of class {}{label}{by}", lock.kind, lock.class));
    for (what, waits) in [("held by ", &facts.holders), ("waited for by ", &facts.waiters)] {
        for wait in waits.iter().filter_map(|&wait| scene.snapshot.waits.get(wait as usize)) {
            page.told(what, &format!("{}, since {}", wait.task, seconds(wait.since_ns)));
        }
    }
    for finding in facts
        .findings
        .iter()
        .filter_map(|&row| scene.snapshot.findings.get(row as usize))
    {
        let style = page.theme.severity(&finding.severity);
        page.styled(
            &format!("#{} {}: {}", finding.id, finding.severity.to_uppercase(), finding.title),
            style,
        );
    }
    durations(&mut page, scene, lock);
    let [before, after] = [scene.edges.before(row), scene.edges.after(row)];
    for (head, rows) in [
        ("Requested while these were held", before),
        ("Requested while it was held", after),
    ] {
        dependencies(&mut page, scene, head, rows, moment);
    }
    page.lines
}

/// How long it was held and waited for, and where.
fn durations(page: &mut Page, scene: &Scene, lock: &Lock) {
    if let Some(held) = &lock.held_for {
        page.told("held: ", &phrase::durations(held));
    }
    let Some(waited) = &lock.waited else { return };
    page.told("waited for: ", &phrase::durations(waited));
    let places = scene.snapshot.contention.iter();
    let places: Vec<_> = places.filter(|place| place.lock == lock.id).collect();
    for place in places.iter().take(MOST) {
        page.told("  ", &format!("{} ({})", phrase::durations(&place.waited), place.mode));
        page.told("    at: ", &place.stack.join(" <- "));
    }
    page.more(places.len().saturating_sub(MOST), "places");
}

fn rests_on(by: NamedBy) -> &'static str {
    match by {
        NamedBy::Symbol => "symbol",
        NamedBy::Object => "object",
        NamedBy::Lockdep => "lockdep class",
        NamedBy::Init => "initialisation",
        NamedBy::Site => "site",
        NamedBy::Taker => "taker",
        NamedBy::Slab => "slab cache",
    }
}

fn dependencies(page: &mut Page, scene: &Scene, head: &str, rows: &[u32], moment: Option<u64>) {
    let rows = rows.iter().map(|&row| &scene.snapshot.dependencies[row as usize]);
    let there: Vec<_> = rows
        .filter(|dependency| moment.is_none_or(|moment| dependency.first_ns <= moment))
        .collect();
    page.blank();
    page.heading(&format!("{head}: {}", there.len()));
    for dependency in there.iter().take(MOST) {
        page.blank();
        let who = dependency
            .evidence
            .first()
            .map_or_else(String::new, |evidence| evidence.task.clone());
        page.told("  by ", &who);
        sides::between(page, scene, dependency, 0);
    }
    page.more(there.len().saturating_sub(MOST), "dependencies");
}
