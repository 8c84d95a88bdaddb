//! Lines of a text that others wrote: numbered, of bounded length, and read one at a time.

use std::io::{BufRead, Read};

use super::Error;

/// Bytes of a line that are kept; the rest of a longer one is passed over.
const MAX_LINE: u64 = 64 * 1024;

/// One line, without its end. Bytes that are no UTF-8 are replaced.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// What stands there.
    pub(super) text: String,
    /// It was longer than what is kept.
    pub(super) cut: bool,
}

/// The lines of a file.
pub(super) struct Lines<'a, R> {
    /// What errors call the file.
    pub(super) file: &'a str,
    input: R,
    number: u64,
}

impl<'a, R: BufRead> Lines<'a, R> {
    /// Begins before the first line.
    pub(super) fn new(file: &'a str, input: R) -> Self {
        Self { file, input, number: 0 }
    }

    /// The next line, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        let mut bytes = Vec::new();
        if self.read(&mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let cut = !bytes.ends_with(b"\n") && bytes.len() as u64 == MAX_LINE;
        if cut {
            self.pass_over()?;
        }
        let text = String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\n', '\r'])
            .to_string();
        Ok(Some(Line {
            number: self.number,
            text,
            cut,
        }))
    }

    fn pass_over(&mut self) -> Result<(), Error> {
        let mut rest = Vec::new();
        loop {
            rest.clear();
            if self.read(&mut rest)? == 0 || rest.ends_with(b"\n") {
                return Ok(());
            }
        }
    }

    fn read(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Error> {
        let read = (&mut self.input).take(MAX_LINE).read_until(b'\n', bytes);
        read.map_err(|error| Error::file(self.file, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_their_ends_taken_off() {
        let mut lines = Lines::new("file", &b"one\r\n\ntwo \xff"[..]);
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("a line") {
            all.push((line.number, line.text, line.cut));
        }
        let expected =
            [(1, "one"), (2, ""), (3, "two \u{fffd}")].map(|(number, text)| (number, text.to_string(), false));
        assert_eq!(all, expected);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_found() {
        let text = format!("{}\nnext\n", "x".repeat(200_000));
        let mut lines = Lines::new("file", text.as_bytes());
        let long = lines.next().expect("a line").expect("a line");
        assert_eq!((long.number, long.text.len(), long.cut), (1, 65_536, true));
        let next = lines.next().expect("a line").expect("a line");
        assert_eq!((next.number, next.text.as_str(), next.cut), (2, "next", false));
    }
}
