//! A devlink reload: what it was, and the dependencies and notifiers that came in it.

use ratatui::text::Line;

use super::{MOST, Page};
use crate::report::phrase;
use crate::tui::list::seconds;
use crate::tui::scene::Scene;

pub(super) fn lines(mut page: Page, scene: &Scene, row: u32) -> Vec<Line<'static>> {
    let (Some(window), Some(brought)) = (
        scene.snapshot.windows.get(row as usize),
        scene.brought.get(row as usize),
    ) else {
        return page.lines;
    };
    page.heading(&format!("{} {} ({})", window.kind, window.handle, window.action));
    page.told("", &phrase::window(window));
    if let Some(limit) = &window.limit {
        page.told("limit: ", limit);
    }
    page.blank();
    page.heading(&format!(
        "Notifiers registered and unregistered: {}",
        brought.notifiers.len()
    ));
    for notifier in brought
        .notifiers
        .iter()
        .take(MOST)
        .filter_map(|&row| scene.snapshot.notifiers.get(row as usize))
    {
        let chain = notifier
            .chain
            .as_ref()
            .map_or_else(String::new, |chain| format!(" on {chain}"));
        page.told(
            "  ",
            &format!(
                "{} {}: {}{chain}",
                seconds(notifier.time_ns),
                notifier.function,
                notifier.callback
            ),
        );
        page.locks("    holding: ", &scene.held(&notifier.held));
    }
    page.more(brought.notifiers.len().saturating_sub(MOST), "notifiers");
    page.blank();
    page.heading(&format!("Dependencies that came in it: {}", brought.dependencies.len()));
    for dependency in brought
        .dependencies
        .iter()
        .take(MOST)
        .map(|&row| &scene.snapshot.dependencies[row as usize])
    {
        page.told(
            &format!("  {}  ", seconds(dependency.first_ns)),
            &phrase::dependency(&scene.snapshot, dependency),
        );
    }
    page.more(brought.dependencies.len().saturating_sub(MOST), "dependencies");
    page.lines
}
