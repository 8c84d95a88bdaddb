//! Styles of the text report. Nothing is told by colour alone.

/// Whether and how text is styled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Write ANSI escape sequences.
    pub color: bool,
}

impl Style {
    /// A heading in the colour of its severity.
    pub fn severity(self, severity: &str, text: &str) -> String {
        match severity {
            "critical" => self.paint("1;35", text),
            "error" => self.paint("1;31", text),
            "warning" => self.paint("1;33", text),
            _ => self.paint("1", text),
        }
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// The sign of a difference: `+`, `-`, `~`.
    pub fn sign(self, sign: char) -> String {
        match sign {
            '+' => self.paint("32", "+"),
            '-' => self.paint("31", "-"),
            '~' => self.paint("33", "~"),
            other => other.to_string(),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}
