//! What is seen: pure functions of model and scene.

pub mod areas;
mod export;
mod footer;
pub mod graph;
pub mod header;
pub mod help;
mod moment;
mod table;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget as _;

use super::detail;
use super::model::{Model, Popup};
use super::scene::Scene;
use areas::Areas;

/// The least that anything can be seen on.
const LEAST: (u16, u16) = (40, 10);

/// Draws everything.
pub fn render(model: &Model, scene: &Scene, buffer: &mut Buffer) {
    if model.size.0 < LEAST.0 || model.size.1 < LEAST.1 {
        Line::from("larger, please").render(buffer.area, buffer);
        return;
    }
    let areas = Areas::of(model);
    header::render(model, scene, &areas, buffer);
    match (model.detail, model.view.list()) {
        (Some(opened), _) => {
            let lines = detail::lines(model, scene, opened.subject, usize::from(areas.body.width));
            text(lines.into_iter().skip(opened.top), areas.body, buffer);
        }
        (None, Some(kind)) => table::render(model, scene, kind, &areas, buffer),
        (None, None) => graph::render(model, scene, areas.body, buffer),
    }
    if let Some(at) = model.moment {
        moment::render(model, scene, at, areas.moment, buffer);
    }
    footer::render(model, scene, &areas, buffer);
    match model.popup {
        Some(Popup::Help(top)) => help::render(model, top, buffer),
        Some(Popup::Export(format)) => export::render(model, scene, format, buffer),
        None => {}
    }
}

/// Lines from the top, as many as there is room for.
fn text<'a>(lines: impl Iterator<Item = Line<'a>>, area: Rect, buffer: &mut Buffer) {
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        buffer.set_line(area.x, y, &line, area.width);
    }
}
