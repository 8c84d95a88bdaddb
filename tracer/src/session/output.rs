//! Lines out of pieces of output, none longer than what can be shown.

/// Longest line, in bytes; a longer one is told in parts.
const LONGEST: usize = 1024;

/// What was written since the last end of a line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes in a piece; the lines that end in it.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in piece {
            if byte != b'\n' {
                self.begun.push(byte);
            }
            if byte == b'\n' || self.begun.len() >= LONGEST {
                lines.push(self.line());
            }
        }
        lines
    }

    /// The last line, when it has no end.
    pub(super) fn rest(&mut self) -> Option<String> {
        (!self.begun.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> String {
        let line = std::mem::take(&mut self.begun);
        String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"on"), [""; 0]);
        assert_eq!(lines.take(b"e\r\n\ntw"), ["one", ""]);
        assert_eq!(lines.rest().as_deref(), Some("tw"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_is_told_in_parts() {
        let mut lines = Lines::default();
        let told = lines.take(&[b'x'; 3 * LONGEST + 1]);
        assert_eq!(told.iter().map(String::len).collect::<Vec<_>>(), [LONGEST; 3]);
        assert_eq!(lines.rest().as_deref(), Some("x"));
    }
}
