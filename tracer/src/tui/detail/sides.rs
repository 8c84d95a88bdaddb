//! What proves a dependency: why the task was in the kernel, what it held, and both stacks side by side.

use std::sync::Arc;

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::Page;
use crate::analysis::snapshot::Dependency;
use crate::report::{phrase, source};
use crate::tui::list::seconds;
use crate::tui::scene::Scene;

/// One situation of a dependency.
pub(super) fn between(page: &mut Page, scene: &Scene, dependency: &Dependency, evidence: usize) {
    page.told("  ", &phrase::dependency(&scene.snapshot, dependency));
    let Some(evidence) = dependency.evidence.get(evidence) else {
        return;
    };
    if let Some(origin) = &evidence.origin {
        page.told("  in: ", origin);
    }
    page.told(
        "  at ",
        &format!("{}; seen {}", seconds(evidence.time_ns), phrase::times(dependency)),
    );
    page.text("  holding:\n");
    page.locks("    ", &scene.held(&evidence.held));
    let (from, to) = (scene.lock_name(dependency.from), scene.lock_name(dependency.to));
    stacks(
        page,
        scene,
        (&format!("{from} was taken at"), &evidence.from_stack),
        (&format!("{to} is requested at"), &evidence.to_stack),
    );
}

type Stack<'a> = (&'a str, &'a [Arc<str>]);

/// Side by side where all of it fits; one below the other otherwise: nothing is cut off.
fn stacks(page: &mut Page, scene: &Scene, left: Stack<'_>, right: Stack<'_>) {
    let indent = 2;
    let column = page.width.saturating_sub(indent + 3) / 2;
    let [lefts, rights] = [left, right].map(|stack| frames(scene, stack.1, column));
    let widest = lefts.iter().chain(&rights).map(|frame| frame.width()).max();
    let heads = [left.0, right.0].map(|head| head.width()).into_iter().max();
    if widest.max(heads).unwrap_or_default() > column || lefts.is_empty() || rights.is_empty() {
        for (head, stack) in [left, right] {
            if !stack.is_empty() {
                page.told("  ", &format!("{head}:"));
                let frames = frames(scene, stack, page.width.saturating_sub(4));
                page.text(&frames.iter().map(|frame| format!("    {frame}\n")).collect::<String>());
            }
        }
        return;
    }
    let bar = page.theme.bar();
    let heading = page.theme.heading();
    let row = |left: &str, right: &str, style| {
        let left = page.theme.cut(left, column);
        let pad = " ".repeat(column.saturating_sub(left.width()));
        Line::from(vec![
            Span::styled(format!("  {left}{pad}"), style),
            Span::styled(format!(" {bar} "), page.theme.quiet()),
            Span::styled(page.theme.cut(right, column), style),
        ])
    };
    let mut lines = vec![row(left.0, right.0, heading)];
    for place in 0..lefts.len().max(rights.len()) {
        let at = |frames: &[String]| frames.get(place).cloned().unwrap_or_default();
        lines.push(row(&at(&lefts), &at(&rights), ratatui::style::Style::new()));
    }
    page.lines.extend(lines);
}

/// Frames, with their lines of the source below them where these are known.
fn frames(scene: &Scene, stack: &[Arc<str>], width: usize) -> Vec<String> {
    let frames = stack
        .iter()
        .map(|frame| source::frame(&scene.snapshot, width, "", frame));
    frames
        .flat_map(|frame| frame.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
