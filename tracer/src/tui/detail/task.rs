//! A task: what it waits for and who is in its way, and what it held when it requested something.

use ratatui::text::Line;

use super::{MOST, Page, sides};
use crate::analysis::snapshot::Wait;
use crate::report::phrase;
use crate::tui::list::seconds;
use crate::tui::scene::{Scene, Task};

/// Tasks of a wait-for chain that are followed.
const DEEPEST: usize = 32;

pub(super) fn lines(mut page: Page, scene: &Scene, row: u32, moment: Option<u64>) -> Vec<Line<'static>> {
    let Some(task) = scene.task(row) else {
        return page.lines;
    };
    page.heading(&phrase::task(&task.name, task.pid));
    match scene.wait(task) {
        Some(wait) => waits(&mut page, scene, wait),
        None => page.told("", "it is not known to wait"),
    }
    for window in task
        .windows
        .iter()
        .filter_map(|&row| scene.snapshot.windows.get(row as usize))
    {
        page.told("  ", &phrase::window(window));
    }
    situations(&mut page, scene, task, moment);
    page.lines
}

fn waits(page: &mut Page, scene: &Scene, wait: &Wait) {
    let circle = if wait.in_circle {
        ": it waits for itself, through others or directly"
    } else {
        ""
    };
    let text = format!(
        "waits for {} ({}) since {}{circle}",
        scene.lock_name(wait.lock),
        wait.mode,
        seconds(wait.since_ns)
    );
    let style = page.theme.severity(if wait.in_circle { "critical" } else { "warning" });
    page.styled(&text, style);
    page.text("holding:\n");
    page.locks("  ", &scene.held(&wait.held));
    page.told("at: ", &wait.stack.join(" <- "));
    page.blank();
    page.heading("Who waits for whom");
    chain(page, scene, wait);
}

/// From task to task, to one that does not wait or was there before.
fn chain(page: &mut Page, scene: &Scene, wait: &Wait) {
    let mut told: Vec<&str> = Vec::new();
    let mut next = Some(wait);
    while let Some(wait) = next {
        told.push(&wait.task);
        page.told("  ", &format!("{} waits for {}", wait.task, scene.lock_name(wait.lock)));
        page.told("    held by ", &wait.held_by());
        for holder in &wait.holders {
            page.told("      at: ", &holder.stack.join(" <- "));
        }
        let behind = wait
            .on
            .iter()
            .find_map(|name| scene.snapshot.waits.iter().find(|other| other.task == *name));
        next = behind.filter(|other| told.len() < DEEPEST && !told.contains(&&*other.task));
        if let Some(again) = behind.filter(|other| told.contains(&&*other.task)) {
            page.told("  ", &format!("{} is where this began: nobody goes on", again.task));
        }
    }
}

fn situations(page: &mut Page, scene: &Scene, task: &Task, moment: Option<u64>) {
    let (kept, left_out) = task.shown();
    let known = kept.iter().filter_map(|&(row, evidence)| {
        let dependency = scene.snapshot.dependencies.get(row as usize)?;
        Some((
            dependency,
            evidence as usize,
            dependency.evidence.get(evidence as usize)?.time_ns,
        ))
    });
    let there: Vec<_> = known
        .filter(|&(_, _, time_ns)| moment.is_none_or(|moment| time_ns <= moment))
        .collect();
    page.blank();
    page.heading(&format!("Situations: {}", there.len() + left_out));
    for &(dependency, evidence, _) in there.iter().take(MOST) {
        page.blank();
        sides::between(page, scene, dependency, evidence);
    }
    page.more(there.len().saturating_sub(MOST) + left_out, "situations");
}
