//! The choice of a format.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Widget as _};

use crate::tui::model::Model;
use crate::tui::scene::Scene;
use crate::tui::update::finding;

pub(super) fn render(model: &Model, scene: &Scene, selected: usize, buffer: &mut Buffer) {
    let what = match finding(model, scene) {
        Some(row) => format!(" Export finding #{} as ", scene.snapshot.findings[row as usize].id),
        None => " Export the report as ".to_owned(),
    };
    let (width, height) = model.size;
    let wide = width.min(40);
    let high = height.min(u16::try_from(model.formats.len()).unwrap_or(u16::MAX).saturating_add(2));
    let area = Rect::new((width - wide) / 2, (height - high) / 2, wide, high);
    Clear.render(area, buffer);
    let block = Block::bordered().border_set(model.theme.border()).title(what);
    let inner = block.inner(area);
    block.render(area, buffer);
    let lines = model.formats.iter().enumerate().map(|(number, format)| {
        if number == selected {
            Line::styled(format!("> {format}"), model.theme.selected())
        } else {
            Line::from(format!("  {format}"))
        }
    });
    // The selected one is seen.
    let top = (selected + 1).saturating_sub(usize::from(inner.height));
    super::text(lines.skip(top), inner, buffer);
}
