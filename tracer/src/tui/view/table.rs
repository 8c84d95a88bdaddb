//! A list as a table. Only the rows that are seen are made.

use ratatui::buffer::Buffer;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Row, Table, Widget as _};

use super::areas::Areas;
use crate::tui::list::{Column, ListKind, Width};
use crate::tui::model::Model;
use crate::tui::scene::Scene;

/// In front of the selected row.
const MARK: &str = ">";

pub(super) fn render(model: &Model, scene: &Scene, kind: ListKind, areas: &Areas, buffer: &mut Buffer) {
    let (list, state, area) = (kind.list(), model.list(kind), areas.body);
    let columns: Vec<_> = (0..)
        .zip(list.columns())
        .filter(|(_, column)| column.from <= area.width)
        .collect();
    let shown: Vec<_> = columns.iter().map(|&(_, column)| column).collect();
    let widths = widths(&shown, area.width);
    let head = columns.iter().map(|&(number, column)| {
        let order = match (state.sort == Some(number), state.is_reversed) {
            (false, _) => "",
            (true, false) => "*",
            (true, true) => "^",
        };
        aligned(column, format!("{}{order}", column.head))
    });
    let head = Row::new([Cell::from(" ")].into_iter().chain(head)).style(model.theme.heading());
    let first = areas.first_row(state);
    let rows = (first..).zip(state.rows.iter().skip(first).take(areas.rows()));
    let rows = rows.map(|(place, &row)| {
        let is_selected = place == state.selected;
        let cells = columns.iter().zip(&widths).map(|(&(number, column), &width)| {
            let text = model.theme.cut(&list.cell(scene, row, number), usize::from(width));
            aligned(column, text)
        });
        let mark = Cell::from(if is_selected { MARK } else { " " });
        let style = list
            .severity(scene, row)
            .map_or_else(Style::new, |severity| model.theme.severity(severity));
        Row::new([mark].into_iter().chain(cells)).style(if is_selected {
            style.patch(model.theme.selected())
        } else {
            style
        })
    });
    let constraints = [1].into_iter().chain(widths.iter().copied()).map(Constraint::Length);
    Table::new(rows, constraints)
        .header(head)
        .column_spacing(1)
        .render(area, buffer);
    if state.rows.is_empty() {
        let text = if state.filter.is_empty() {
            "  nothing here yet"
        } else {
            "  nothing has these words"
        };
        let below = Rect::new(area.x, area.y + 1, area.width, area.height.saturating_sub(1));
        super::text([Line::styled(text, model.theme.quiet())].into_iter(), below, buffer);
    }
}

fn aligned(column: &Column, text: String) -> Cell<'static> {
    let alignment = if column.is_right {
        Alignment::Right
    } else {
        Alignment::Left
    };
    Cell::from(Text::from(text).alignment(alignment))
}

/// Cells of each column: what is fixed, and shares of the rest.
fn widths(columns: &[&Column], width: u16) -> Vec<u16> {
    let fixed = columns.iter().map(|column| match column.width {
        Width::Cells(cells) => cells + 1,
        Width::Share(_) => 1,
    });
    let rest = width.saturating_sub(1 + fixed.sum::<u16>());
    let share = |column: &&Column| match column.width {
        Width::Cells(_) => 0,
        Width::Share(share) => share,
    };
    let shares = columns.iter().map(share).sum::<u16>().max(1);
    let mut widths: Vec<_> = columns
        .iter()
        .map(|column| match column.width {
            Width::Cells(cells) => cells,
            Width::Share(share) => rest * share / shares,
        })
        .collect();
    // What dividing left over.
    let used: u16 = columns
        .iter()
        .zip(&widths)
        .filter(|(column, _)| share(column) > 0)
        .map(|(_, width)| *width)
        .sum();
    if let Some(first) = columns.iter().position(|column| share(column) > 0) {
        widths[first] += rest.saturating_sub(used);
    }
    widths
}
