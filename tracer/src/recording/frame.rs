//! Frames: how a recording is cut into pieces that can each be checked.

use std::io::{self, Read as _};

/// What stands at the beginning of a recording; no text begins like this.
pub const MAGIC: [u8; 8] = *b"\x93TRACER\n";
/// Another major version is another format; a minor one has more kinds of frames, items or fields, which older readers skip.
pub const MAJOR: u16 = 1;
/// See [`MAJOR`].
pub const MINOR: u16 = 3;
/// Bytes before the first frame: magic, version and their checksum.
pub const PREFIX: usize = 16;

/// What stands at the beginning of a frame, by which one is found again behind damage.
pub const MARKER: [u8; 4] = *b"\xf5TrF";
/// Bytes of a frame before its payload: marker, kind, flags, length, checksum of the payload, checksum of these.
pub const HEAD: usize = 20;
/// No writer makes longer frames, and no reader reads them.
pub const MAX_STORED: usize = 16 << 20;
/// The same of a payload that is decompressed.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// The payload is compressed by zstd.
const ZSTD: u16 = 1;
/// Shorter ones are not worth it.
const WORTH_COMPRESSING: usize = 256;
/// Fast, and not much larger than what higher levels make.
const LEVEL: i32 = 3;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind(pub u16);

impl Kind {
    /// What is known at the start: [`Header`](super::header::Header) as JSON.
    pub const HEADER: Self = Self(1);
    /// A table of the kernel's symbols begins: a `Table` of `item.rs` as JSON.
    pub const TABLE: Self = Self(2);
    /// Symbols of that table: a list of [`Symbol`](crate::names::symbol::Symbol)s as JSON.
    pub const SYMBOLS: Self = Self(3);
    /// Inputs, in order: see `item.rs`.
    pub const INPUTS: Self = Self(4);

    /// The name, in what `--verify` prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::HEADER => "header",
            Self::TABLE => "table",
            Self::SYMBOLS => "symbols",
            Self::INPUTS => "inputs",
            _ => "unknown",
        }
    }
}

/// The beginning of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    flags: u16,
    /// Of the payload as it is stored.
    pub(super) length: usize,
    checksum: u32,
}

/// Why a payload cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It is not what was written.
    Checksum,
    /// It is what was written, and cannot be decompressed.
    Compression,
}

impl Head {
    /// Reads the beginning of a frame; none when these bytes are not one.
    pub(super) fn read(bytes: &[u8; HEAD]) -> Option<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let length = usize::try_from(word(8)).ok()?;
        let is_head = bytes[..4] == MARKER && word(16) == crc32fast::hash(&bytes[..16]) && length <= MAX_STORED;
        is_head.then_some(Self {
            kind: Kind(half(4)),
            flags: half(6),
            length,
            checksum: word(12),
        })
    }

    /// The payload as it was before it was stored.
    pub(super) fn unpack(&self, stored: Vec<u8>) -> Result<Vec<u8>, Broken> {
        if crc32fast::hash(&stored) != self.checksum {
            return Err(Broken::Checksum);
        }
        if self.flags & ZSTD == 0 {
            return Ok(stored);
        }
        let mut payload = Vec::new();
        let decoder = zstd::Decoder::with_buffer(stored.as_slice()).map_err(|_| Broken::Compression)?;
        let limit = MAX_PAYLOAD as u64 + 1;
        let read = decoder.take(limit).read_to_end(&mut payload);
        match read {
            Ok(length) if length <= MAX_PAYLOAD => Ok(payload),
            _ => Err(Broken::Compression),
        }
    }
}

/// Appends a frame to `out`.
///
/// # Errors
/// When the payload is longer than a frame can be.
pub fn write(kind: Kind, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let compressed = if payload.len() < WORTH_COMPRESSING {
        None
    } else {
        Some(zstd::bulk::compress(payload, LEVEL)?).filter(|compressed| compressed.len() < payload.len())
    };
    let flags = if compressed.is_some() { ZSTD } else { 0 };
    let stored = compressed.as_deref().unwrap_or(payload);
    if stored.len() > MAX_STORED || payload.len() > MAX_PAYLOAD {
        return Err(io::Error::other("a frame would be longer than frames can be"));
    }
    let length = u32::try_from(stored.len()).map_err(io::Error::other)?;
    let start = out.len();
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&kind.0.to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(stored).to_le_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(stored);
    Ok(())
}

/// What a recording begins with.
pub fn prefix() -> [u8; PREFIX] {
    let mut prefix = [0; PREFIX];
    prefix[..8].copy_from_slice(&MAGIC);
    prefix[8..10].copy_from_slice(&MAJOR.to_le_bytes());
    prefix[10..12].copy_from_slice(&MINOR.to_le_bytes());
    let checksum = crc32fast::hash(&prefix[..12]);
    prefix[12..].copy_from_slice(&checksum.to_le_bytes());
    prefix
}

/// The version in a prefix; none when it is damaged.
pub(super) fn version(prefix: &[u8; PREFIX]) -> Option<(u16, u16)> {
    let checksum = u32::from_le_bytes([prefix[12], prefix[13], prefix[14], prefix[15]]);
    let half = |at: usize| u16::from_le_bytes([prefix[at], prefix[at + 1]]);
    (checksum == crc32fast::hash(&prefix[..12])).then(|| (half(8), half(10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(Head, Result<Vec<u8>, Broken>)> {
        let head = Head::read(bytes.first_chunk()?)?;
        let stored = bytes.get(HEAD..)?.to_vec();
        Some((head, head.unpack(stored)))
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        for payload in [&b""[..], b"short", &[7; 100_000]] {
            let mut bytes = Vec::new();
            write(Kind::INPUTS, payload, &mut bytes).unwrap();
            let (head, unpacked) = read(&bytes).unwrap();
            assert_eq!((head.kind, unpacked.as_deref()), (Kind::INPUTS, Ok(payload)));
        }
        let mut bytes = Vec::new();
        write(Kind::INPUTS, &[7; 100_000], &mut bytes).unwrap();
        assert!(bytes.len() < 200, "what repeats is compressed");
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let mut bytes = Vec::new();
        write(Kind::SYMBOLS, b"some symbols", &mut bytes).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_none_or(|(_, unpacked)| unpacked == Err(Broken::Checksum)));
        }
        for bit in 0..PREFIX * 8 {
            let mut flipped = prefix();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(version(&flipped), None);
        }
        assert_eq!(version(&prefix()), Some((MAJOR, MINOR)));
    }
}
