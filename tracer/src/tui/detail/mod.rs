//! All about one row of a list, as lines: pure functions of the scene and the width.

mod finding;
mod lock;
mod log;
mod reload;
mod sides;
mod task;

use ratatui::text::Line;

use super::list::ListKind;
use super::model::{Model, Subject};
use super::scene::Scene;
use super::theme::Theme;
use crate::report::wrap;

/// Dependencies, situations and notifiers that are shown of each kind; how many more there are is told.
const MOST: usize = 200;

/// All about a row; what is told when it is not there at this moment.
pub fn lines(model: &Model, scene: &Scene, subject: Subject, width: usize) -> Vec<Line<'static>> {
    let page = Page::new(model.theme, width);
    let Some(row) = scene.row_of(subject.list, subject.key) else {
        return vec![Line::from("it is not there any more")];
    };
    match subject.list {
        ListKind::Findings => finding::lines(page, scene, row),
        ListKind::Locks => lock::lines(page, scene, row, model.moment),
        ListKind::Tasks => task::lines(page, scene, row, model.moment),
        ListKind::Reloads => reload::lines(page, scene, row),
        ListKind::Log => log::lines(page, scene, row),
    }
}

pub use finding::splat;

/// Lines that are written one after the other.
struct Page {
    theme: Theme,
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Page {
    fn new(theme: Theme, width: usize) -> Self {
        Self {
            theme,
            width,
            lines: Vec::new(),
        }
    }

    fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    fn heading(&mut self, text: &str) {
        self.styled(text, self.theme.heading());
    }

    fn styled(&mut self, text: &str, style: ratatui::style::Style) {
        let wrapped = wrap::wrap_to(self.width, "", "    ", text);
        self.lines
            .extend(self.plain(&wrapped).into_iter().map(|line| line.style(style)));
    }

    /// A text with a word in front, broken at its spaces.
    fn told(&mut self, first: &str, text: &str) {
        let rest = " ".repeat(first.chars().count());
        self.text(&wrap::wrap_to(self.width, first, &rest, text));
    }

    /// A list of locks, broken between them.
    fn locks(&mut self, indent: &str, locks: &[String]) {
        self.text(&wrap::wrap_items_to(self.width, indent, " -> ", locks));
    }

    /// Lines as they are.
    fn text(&mut self, text: &str) {
        let lines = self.plain(text);
        self.lines.extend(lines);
    }

    fn plain(&self, text: &str) -> Vec<Line<'static>> {
        text.lines()
            .map(|line| Line::from(self.theme.cut(line, self.width)))
            .collect()
    }

    /// That there are more of something than are shown.
    fn more(&mut self, count: usize, what: &str) {
        if count > 0 {
            let text = format!("  and {count} more {what}");
            self.lines.push(Line::styled(text, self.theme.quiet()));
        }
    }
}
