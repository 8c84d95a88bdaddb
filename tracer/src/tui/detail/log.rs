//! A line of the log, all of it.

use ratatui::text::Line;

use super::Page;
use crate::tui::list::seconds;
use crate::tui::scene::Scene;

pub(super) fn lines(mut page: Page, scene: &Scene, row: u32) -> Vec<Line<'static>> {
    if let Some(line) = scene.log.get(row as usize) {
        if let Some(time_ns) = line.time_ns {
            page.heading(&seconds(time_ns));
        }
        page.told("", &line.text);
    }
    page.lines
}
