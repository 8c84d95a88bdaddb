//! The run as a line, and where on it the moment is that is looked at.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::model::Model;
use crate::tui::moment;
use crate::tui::scene::Scene;

pub(super) fn render(model: &Model, scene: &Scene, at: u64, area: Rect, buffer: &mut Buffer) {
    let theme = model.theme;
    let width = usize::from(area.width);
    let text = format!("{}, newest: {}", moment::words(scene, at), moment::what(scene, at));
    buffer.set_stringn(0, area.y, theme.cut(&text, width), width, theme.heading());
    let (line, turn, mark) = if theme.ascii {
        ('-', '|', 'O')
    } else {
        ('─', '┼', '●')
    };
    let mut cells = vec![line; width];
    let mut set = |at: u64, symbol: char| {
        if let Some(cell) = cells.get_mut(moment::place(scene, at, width)) {
            *cell = symbol;
        }
    };
    // Where reloads begin and end.
    for &time in &scene.turns {
        set(time, turn);
    }
    set(at, mark);
    let slider: String = cells.into_iter().collect();
    buffer.set_stringn(0, area.y + 1, slider, width, theme.reload());
}
