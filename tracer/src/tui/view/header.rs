//! What is traced, what was lost, and the views.

use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::areas::Areas;
use crate::report::phrase;
use crate::tui::list::seconds;
use crate::tui::model::{Model, View};
use crate::tui::scene::Scene;

pub(super) fn render(model: &Model, scene: &Scene, areas: &Areas, buffer: &mut Buffer) {
    buffer.set_line(0, areas.title.y, &title(model, scene), areas.title.width);
    buffer.set_line(0, areas.losses.y, &losses(model, scene), areas.losses.width);
    for (view, x, tab) in tabs(model) {
        let style = if view == model.view {
            model.theme.selected()
        } else {
            model.theme.heading()
        };
        let room = areas.tabs.width.saturating_sub(x);
        buffer.set_stringn(x, areas.tabs.y, tab, usize::from(room), style);
    }
}

fn title(model: &Model, scene: &Scene) -> Line<'static> {
    let (kernel, capture) = (&scene.snapshot.kernel, &scene.snapshot.capture);
    let attached = capture.probes.attached.len();
    let missing = match capture.probes.missing.len() {
        0 => String::new(),
        count => format!(", {count} missing"),
    };
    let events = capture.counters.get("events").copied().unwrap_or_default();
    let elapsed = model.elapsed_ns.unwrap_or_else(|| scene.duration_ns());
    let state = match (model.is_live, model.is_paused) {
        (true, true) => "PAUSED",
        (true, false) => "live",
        (false, _) => "ended",
    };
    let mut parts = vec![kernel.release.clone().unwrap_or_else(|| "kernel not known".to_owned())];
    if !capture.backend.is_empty() {
        parts.push(capture.backend.clone());
    }
    if attached > 0 {
        parts.push(format!("{attached} probes{missing}"));
    }
    parts.push(format!("{events} events"));
    parts.push(format!("{} {state}", seconds(elapsed)));
    let bar = format!(" {} ", model.theme.bar());
    let text = parts.join(&bar);
    Line::from(vec![
        Span::styled("tracer ", model.theme.heading()),
        Span::raw(model.theme.cut(&text, usize::from(model.size.0.saturating_sub(7)))),
    ])
}

fn losses(model: &Model, scene: &Scene) -> Line<'static> {
    let capture = &scene.snapshot.capture;
    let lost = capture.lost.iter().map(|(counter, count)| (counter.as_str(), count));
    let width = usize::from(model.size.0);
    if let Some(lost) = phrase::counters(lost) {
        return Line::styled(model.theme.cut(&format!("LOST: {lost}"), width), model.theme.alarm());
    }
    let text = match (capture.backend.is_empty(), capture.complete) {
        (true, _) => "nothing was seen yet",
        (false, true) => "complete: nothing was lost",
        (false, false) => "incomplete",
    };
    Line::styled(model.theme.cut(text, width), model.theme.quiet())
}

/// The tabs, and where each begins. What is counted goes where there is no room for it.
fn tabs(model: &Model) -> Vec<(View, u16, String)> {
    let name = |number: usize, view: View, counts: bool| {
        let count = view
            .list()
            .filter(|_| counts)
            .map(|kind| format!(" {}", model.list(kind).rows.len()));
        format!(" {number} {}{} ", view.name(), count.unwrap_or_default())
    };
    let all = |counts| -> Vec<_> {
        (1..)
            .zip(View::ALL)
            .map(|(number, view)| (view, name(number, view, counts)))
            .collect()
    };
    let width = |tabs: &[(View, String)]| tabs.iter().map(|(_, tab)| tab.width() + 1).sum::<usize>();
    let mut named = all(true);
    if width(&named) > usize::from(model.size.0) {
        named = all(false);
    }
    let mut x = 0;
    let mut tabs = Vec::new();
    for (view, tab) in named {
        let begin = x;
        x += u16::try_from(tab.width() + 1).unwrap_or(u16::MAX);
        tabs.push((view, begin, tab));
    }
    tabs
}

/// The view whose tab is at a column.
pub fn tab_at(model: &Model, column: u16) -> Option<View> {
    let tabs = tabs(model);
    let hit = tabs.into_iter().find(|(_, x, tab)| {
        let end = *x + u16::try_from(tab.width()).unwrap_or(u16::MAX);
        (*x..end).contains(&column)
    });
    hit.map(|(view, ..)| view)
}
