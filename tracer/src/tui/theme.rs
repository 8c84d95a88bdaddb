//! How things look. Nothing is told by colour alone: without colours, the same words, signs and shapes are there.

use crate::report::clean;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// Colours.
    pub color: bool,
    /// Nothing but ASCII.
    pub ascii: bool,
}

/// Frames of ASCII.
const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

impl Theme {
    fn colored(self, color: Color) -> Style {
        if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        }
    }

    /// Of a severity.
    pub fn severity(self, severity: &str) -> Style {
        match severity {
            "critical" => self.colored(Color::Magenta).add_modifier(Modifier::BOLD),
            "error" => self.colored(Color::Red).add_modifier(Modifier::BOLD),
            "warning" => self.colored(Color::Yellow),
            _ => Style::new(),
        }
    }

    /// Headings.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What stands in the background.
    pub fn quiet(self) -> Style {
        if self.color {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    /// What is selected.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Keys in the footer.
    pub fn key(self) -> Style {
        self.colored(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What must not be overlooked.
    pub fn alarm(self) -> Style {
        self.colored(Color::Red)
            .add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    /// Edges of the current reload.
    pub fn reload(self) -> Style {
        self.colored(Color::Cyan)
    }

    /// The frame of a popup.
    pub fn border(self) -> border::Set<'static> {
        if self.ascii { ASCII_BORDER } else { border::PLAIN }
    }

    /// Between things that stand side by side.
    pub fn bar(self) -> &'static str {
        if self.ascii { "|" } else { "│" }
    }

    /// A text that has at most so many cells; what is cut off shows as an ellipsis.
    pub fn cut(self, text: &str, cells: usize) -> String {
        // What could move the cursor, or hide what follows it, is not shown as it is.
        let text = clean::text(text);
        if text.width() <= cells {
            return text.into_owned();
        }
        let mut left = cells.saturating_sub(1);
        let fitting = text.chars().take_while(|c| {
            let width = c.width().unwrap_or(0);
            let fits = width <= left;
            left = left.saturating_sub(width);
            fits
        });
        let cut: String = fitting.collect();
        match (cells, self.ascii) {
            (0, _) => cut,
            (_, true) => cut + "~",
            (_, false) => cut + "…",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_shows() {
        let (unicode, ascii) = (
            Theme::default(),
            Theme {
                ascii: true,
                ..Theme::default()
            },
        );
        assert_eq!(unicode.cut("rtnl_mutex", 10), "rtnl_mutex");
        assert_eq!(unicode.cut("rtnl_mutex", 6), "rtnl_…");
        assert_eq!(ascii.cut("rtnl_mutex", 6), "rtnl_~");
        assert_eq!(unicode.cut("rtnl_mutex", 0), "");
        assert_eq!(unicode.cut("a\x1b[2J\n", 10), "a?[2J?");
        assert_eq!(
            unicode.cut("a\u{202e}b", 10),
            "a?b",
            "what turns the direction of writing"
        );
    }
}
