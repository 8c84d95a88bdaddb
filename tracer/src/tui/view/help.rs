//! All keys of the screen that it lies over.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget as _};

use crate::tui::keys;
use crate::tui::model::Model;

/// Columns for the keys.
const KEYS: usize = 18;

/// The lines, without what lies over the screen.
fn lines(model: &Model) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = keys::on(model.screen_below(), model.is_live)
        .map(|binding| {
            let names: Vec<_> = binding.keys.iter().map(|key| key.name(model.theme.ascii)).collect();
            Line::from(vec![
                Span::styled(format!("{:<KEYS$} ", names.join(" ")), model.theme.key()),
                Span::raw(binding.about),
            ])
        })
        .collect();
    lines.push(Line::default());
    for (about, text) in LEGEND {
        lines.push(Line::from(vec![
            Span::styled(format!("{about:<KEYS$} "), model.theme.heading()),
            Span::raw(*text),
        ]));
    }
    lines
}

/// What is no key.
const LEGEND: &[(&str, &str)] = &[
    ("mouse", "a click selects, another one opens; the wheel scrolls"),
    ("words", "`tracer explain WORD` tells what a verdict or a counter means"),
];

fn area(model: &Model) -> Rect {
    let (width, height) = model.size;
    let (wide, high) = (width.min(84), height.saturating_sub(2));
    Rect::new((width - wide) / 2, 1.min(height), wide, high)
}

/// How many lines there are, and how many are seen.
pub fn extent(model: &Model) -> (usize, usize) {
    (lines(model).len(), usize::from(area(model).height.saturating_sub(2)))
}

pub(super) fn render(model: &Model, top: usize, buffer: &mut Buffer) {
    let area = area(model);
    Clear.render(area, buffer);
    let block = Block::bordered().border_set(model.theme.border()).title(" Keys ");
    let inner = block.inner(area);
    block.render(area, buffer);
    super::text(lines(model).into_iter().skip(top), inner, buffer);
}
