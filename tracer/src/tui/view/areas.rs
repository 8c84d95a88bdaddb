//! Where everything is on the screen: a pure function of what is looked at.

use ratatui::layout::Rect;

use crate::tui::model::{ListState, Model};

/// Where everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Kernel, backend, probes, events, time.
    pub title: Rect,
    /// What was lost.
    pub losses: Rect,
    /// The views.
    pub tabs: Rect,
    /// The view itself.
    pub body: Rect,
    /// The filter; empty where there is none.
    pub filter: Rect,
    /// The moment that is looked at; empty where it is now.
    pub moment: Rect,
    /// Keys.
    pub footer: Rect,
}

impl Areas {
    /// Where it is now.
    pub fn of(model: &Model) -> Self {
        let (width, height) = model.size;
        let has_filter = model.detail.is_none()
            && model
                .view
                .list()
                .is_some_and(|kind| model.is_typing || !model.list(kind).filter.is_empty());
        let line = |y: u16, lines: u16| Rect::new(0, y.min(height), width, lines.min(height.saturating_sub(y)));
        let below = 1 + u16::from(has_filter) + 2 * u16::from(model.moment.is_some());
        let bottom = height.saturating_sub(below).max(3);
        let moment = bottom + u16::from(has_filter);
        Self {
            title: line(0, 1),
            losses: line(1, 1),
            tabs: line(2, 1),
            body: line(3, bottom - 3),
            filter: line(bottom, u16::from(has_filter)),
            moment: line(moment, 2 * u16::from(model.moment.is_some())),
            footer: line(height.saturating_sub(1), 1),
        }
    }

    /// Rows of a list that fit under its heading.
    pub fn rows(&self) -> usize {
        usize::from(self.body.height.saturating_sub(1))
    }

    /// The first row of a list that is seen: the selected one is in the middle, as far as there are rows.
    pub fn first_row(&self, state: &ListState) -> usize {
        let most = state.rows.len().saturating_sub(self.rows());
        state.selected.saturating_sub(self.rows() / 2).min(most)
    }
}
