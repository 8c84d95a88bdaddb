//! The keys that matter here, or what has to be told; above it the filter.

use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::areas::Areas;
use crate::tui::keys;
use crate::tui::model::Model;
use crate::tui::scene::Scene;

pub(super) fn render(model: &Model, scene: &Scene, areas: &Areas, buffer: &mut Buffer) {
    if areas.filter.height > 0 {
        buffer.set_line(0, areas.filter.y, &filter(model, scene), areas.filter.width);
    }
    let line = match &model.notice {
        Some(notice) => Line::styled(
            model.theme.cut(notice, usize::from(areas.footer.width)),
            model.theme.heading(),
        ),
        None => footer(model, usize::from(areas.footer.width)),
    };
    buffer.set_line(0, areas.footer.y, &line, areas.footer.width);
}

/// Those that come first in the table, as many as there is room for; the last ones, help and leaving, are always there.
fn footer(model: &Model, width: usize) -> Line<'static> {
    let told: Vec<_> = keys::of(model).filter(|binding| !binding.label.is_empty()).collect();
    let item = |binding: &keys::Binding| {
        let key = binding
            .keys
            .first()
            .map(|key| key.name(model.theme.ascii))
            .unwrap_or_default();
        (key, format!(" {}  ", binding.label))
    };
    let size = |(key, label): &(String, String)| key.width() + label.width();
    let always = told.len().saturating_sub(2);
    let mut last: Vec<_> = told[always..].iter().map(|binding| item(binding)).collect();
    let mut left = width.saturating_sub(last.iter().map(size).sum());
    let mut items: Vec<_> = told[..always]
        .iter()
        .map(|binding| item(binding))
        .take_while(|item| {
            let fits = size(item) <= left;
            left = left.saturating_sub(size(item));
            fits
        })
        .collect();
    items.append(&mut last);
    let spans = items
        .into_iter()
        .flat_map(|(key, label)| [Span::styled(key, model.theme.key()), Span::raw(label)]);
    Line::from(spans.collect::<Vec<_>>())
}

fn filter(model: &Model, scene: &Scene) -> Line<'static> {
    let Some(kind) = model.view.list() else {
        return Line::default();
    };
    let state = model.list(kind);
    let cursor = if model.is_typing { "_" } else { "" };
    let count = format!("  {} of {}", state.rows.len(), kind.list().len(scene));
    Line::from(vec![
        Span::styled("/", model.theme.key()),
        Span::styled(format!("{}{cursor}", state.filter), model.theme.heading()),
        Span::styled(count, model.theme.quiet()),
    ])
}
