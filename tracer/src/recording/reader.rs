//! Reads the frames of a recording one by one, and passes over what is no frame.

use std::io::{self, Read};

use super::frame::{HEAD, Head, Kind, MARKER};

/// Bytes that are read at a time where none in particular are wanted.
const PIECE: usize = 64 << 10;

/// A part of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A frame that is what was written.
    Frame(Kind, Vec<u8>),
    /// Something else.
    Damage(Damage),
}

/// Bytes that are no whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: u64,
    /// They are the last ones: the recording was cut off there.
    pub is_end: bool,
}

/// The frames of a recording.
pub(super) struct Frames<R> {
    input: R,
    /// What was read and not used yet.
    bytes: Vec<u8>,
    start: usize,
    offset: u64,
}

impl<R: Read> Frames<R> {
    /// `offset` bytes of the file were read before.
    pub(super) fn new(input: R, offset: u64) -> Self {
        Self {
            input,
            bytes: Vec::new(),
            start: 0,
            offset,
        }
    }

    /// The next part; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Part>> {
        if self.peek(1)?.is_empty() {
            return Ok(None);
        }
        if let Some((kind, payload)) = self.frame()? {
            return Ok(Some(Part::Frame(kind, payload)));
        }
        let offset = self.offset;
        loop {
            self.skip(1);
            self.skip_to_marker()?;
            let is_end = self.peek(1)?.is_empty();
            if is_end || self.has_head()? {
                return Ok(Some(Part::Damage(Damage {
                    offset,
                    bytes: self.offset - offset,
                    is_end,
                })));
            }
        }
    }

    /// Bytes of the file that were read so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The frame that begins here, if one does.
    fn frame(&mut self) -> io::Result<Option<(Kind, Vec<u8>)>> {
        let Some(head) = self.peek(HEAD)?.first_chunk().and_then(Head::read) else {
            return Ok(None);
        };
        let length = HEAD + head.length;
        let Some(stored) = self.peek(length)?.get(HEAD..length) else {
            return Ok(None);
        };
        let Ok(payload) = head.unpack(stored.to_vec()) else {
            return Ok(None);
        };
        self.skip(length);
        Ok(Some((head.kind, payload)))
    }

    fn has_head(&mut self) -> io::Result<bool> {
        Ok(self.peek(HEAD)?.first_chunk().and_then(Head::read).is_some())
    }

    /// Goes on to where a frame may begin, or to the end.
    fn skip_to_marker(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.peek(PIECE)?;
            if let Some(place) = bytes.windows(MARKER.len()).position(|bytes| bytes == MARKER) {
                self.skip(place);
                return Ok(());
            }
            let is_end = bytes.len() < PIECE;
            // The first bytes of a marker may be the last ones here.
            let passed = if is_end {
                bytes.len()
            } else {
                bytes.len() + 1 - MARKER.len()
            };
            self.skip(passed);
            if is_end {
                return Ok(());
            }
        }
    }

    /// The next bytes: fewer than wanted at the end only.
    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let there = self.bytes.len() - self.start;
        if there < wanted {
            self.bytes.drain(..self.start);
            self.start = 0;
            let missing = (wanted - there).max(PIECE) as u64;
            (&mut self.input).take(missing).read_to_end(&mut self.bytes)?;
        }
        let rest = &self.bytes[self.start..];
        Ok(&rest[..rest.len().min(wanted)])
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::frame::write, *};

    fn frames(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            write(Kind::INPUTS, payload, &mut bytes).unwrap();
        }
        bytes
    }

    fn parts(bytes: &[u8]) -> Vec<Part> {
        let mut frames = Frames::new(bytes, 100);
        std::iter::from_fn(|| frames.next().unwrap()).collect()
    }

    fn frame(payload: &[u8]) -> Part {
        Part::Frame(Kind::INPUTS, payload.to_vec())
    }

    #[test]
    fn behind_damage_the_next_frame_is_found() {
        let mut bytes = frames(&[b"one", b"two", b"three"]);
        let second = HEAD + 3;
        bytes[second + HEAD] ^= 1;
        let damage = Damage {
            offset: 100 + second as u64,
            bytes: HEAD as u64 + 3,
            is_end: false,
        };
        assert_eq!(parts(&bytes), [frame(b"one"), Part::Damage(damage), frame(b"three")]);
        // Its head, too.
        bytes[second + 8] ^= 0x40;
        assert_eq!(parts(&bytes), [frame(b"one"), Part::Damage(damage), frame(b"three")]);
    }

    #[test]
    fn half_a_frame_is_passed_over() {
        let whole = frames(&[b"one"]);
        let large = vec![0x5a; 3 * PIECE];
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&frames(&[b"two, which is cut off"])[..30]);
        bytes.extend_from_slice(&large);
        bytes.extend_from_slice(&whole);
        let damage = Damage {
            offset: 100 + whole.len() as u64,
            bytes: 30 + large.len() as u64,
            is_end: false,
        };
        assert_eq!(parts(&bytes), [frame(b"one"), Part::Damage(damage), frame(b"one")]);
    }

    #[test]
    fn what_is_cut_off_is_the_end() {
        let bytes = frames(&[b"one", b"two"]);
        let whole = HEAD + 3;
        for end in whole + 1..bytes.len() {
            let damage = Damage {
                offset: 100 + whole as u64,
                bytes: (end - whole) as u64,
                is_end: true,
            };
            assert_eq!(parts(&bytes[..end]), [frame(b"one"), Part::Damage(damage)]);
        }
    }
}
