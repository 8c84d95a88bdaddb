//! Inputs in a frame: one after the other, each with its kind (a byte), its length (four) and its bytes. Kinds that this version does not know are skipped.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{analysis::event::Durations, decode::Record, trace::input::Input};

/// Rows in one item.
const ROWS: usize = 16_384;

const RECORD: u8 = 1;
const ANSWERS: u8 = 2;
const MISSED: u8 = 3;
const COUNTED: u8 = 4;
const CHAIN_COUNTS: u8 = 5;
const ENDED: u8 = 6;
const LOST: u8 = 7;
/// Since 1.1.
const OTHERS: u8 = 8;
/// Since 1.3.
const WAITED: u8 = 9;
/// Since 1.3.
const HELD_FOR: u8 = 10;

/// A table of symbols begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    /// Where the kernel's own text ends; 0 when no symbol tells.
    pub(super) text_end: u64,
}

/// Appends an input. Tables and symbols have frames of their own.
pub(super) fn write(input: &Input<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match input {
        Input::Record(record) => put(RECORD, record.bytes(), out),
        Input::Answers(answers) => put(ANSWERS, &serde_json::to_vec(answers)?, out),
        Input::Missed(missed) => put(MISSED, &serde_json::to_vec(missed)?, out),
        Input::Counted(counted) => put(COUNTED, &serde_json::to_vec(counted)?, out),
        Input::ChainCounts(counts) => put_rows(CHAIN_COUNTS, counts, pair, out),
        Input::Others(counts) => put_rows(OTHERS, counts, pair, out),
        Input::Waited(durations) => put_rows(WAITED, durations, row, out),
        Input::HeldFor(durations) => put_rows(HELD_FOR, durations, row, out),
        Input::Ended(status) => put(ENDED, &serde_json::to_vec(status)?, out),
        Input::Lost(inputs) => put(LOST, &inputs.to_le_bytes(), out),
        Input::Table(_) | Input::Symbols(_) => {}
    }
    Ok(())
}

/// Rows of `N` words, as many to an item as fit well.
fn put_rows<T: Copy, const N: usize>(kind: u8, rows: &[T], words: impl Fn(T) -> [u64; N], out: &mut Vec<u8>) {
    for rows in rows.chunks(ROWS) {
        let words = rows.iter().flat_map(|&row| words(row));
        put(kind, &words.flat_map(u64::to_le_bytes).collect::<Vec<_>>(), out);
    }
}

fn pair((key, count): (u64, u64)) -> [u64; 2] {
    [key, count]
}

fn row((key, durations): (u64, Durations)) -> [u64; 4] {
    [key, durations.count, durations.total_ns, durations.max_ns]
}

fn put(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    // What is longer than a frame does not get into one.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.push(kind);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// An item of a frame.
pub(super) enum Item<'a> {
    /// An input.
    Input(Input<'a>),
    /// What is in it cannot be read.
    Broken,
    /// Of a kind that this version does not know.
    Unknown,
}

/// The items of a frame.
pub(super) struct Items<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let Some((kind, bytes, rest)) = split(self.0) else {
            self.0 = &[];
            return Some(Item::Broken);
        };
        self.0 = rest;
        Some(match kind {
            RECORD => Item::Input(Input::Record(Record::new(bytes))),
            ANSWERS => json(bytes, Input::Answers),
            MISSED => json(bytes, Input::Missed),
            COUNTED => json(bytes, Input::Counted),
            CHAIN_COUNTS => Item::Input(Input::ChainCounts(counts(bytes))),
            OTHERS => Item::Input(Input::Others(counts(bytes))),
            WAITED => Item::Input(Input::Waited(durations(bytes))),
            HELD_FOR => Item::Input(Input::HeldFor(durations(bytes))),
            ENDED => json(bytes, Input::Ended),
            LOST if bytes.len() == 8 => Item::Input(Input::Lost(word(bytes, 0))),
            LOST => Item::Broken,
            _ => Item::Unknown,
        })
    }
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (item, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((kind, item, rest))
}

fn counts(bytes: &[u8]) -> Vec<(u64, u64)> {
    let pairs = bytes.as_chunks::<16>().0.iter();
    pairs.map(|pair| (word(pair, 0), word(pair, 8))).collect()
}

fn durations(bytes: &[u8]) -> Vec<(u64, Durations)> {
    let rows = bytes.as_chunks::<32>().0.iter();
    rows.map(|row| (word(row, 0), [8, 16, 24].map(|at| word(row, at)).into()))
        .collect()
}

fn json<'a, T: DeserializeOwned>(bytes: &[u8], input: impl FnOnce(T) -> Input<'a>) -> Item<'a> {
    serde_json::from_slice(bytes).map_or(Item::Broken, |value| Item::Input(input(value)))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Missed;

    fn told(bytes: &[u8]) -> Vec<String> {
        let item = |item| match item {
            Item::Input(Input::Record(record)) => format!("record {:?}", record.bytes()),
            Item::Input(input) => format!("{input:?}"),
            Item::Broken => "broken".to_owned(),
            Item::Unknown => "unknown".to_owned(),
        };
        Items(bytes).map(item).collect()
    }

    #[test]
    fn items_are_read_as_they_were_written_and_unknown_ones_skipped() {
        let missed = Missed {
            releases: 3,
            is_settled: true,
            epochs: 1,
        };
        let mut bytes = Vec::new();
        write(&Input::Record(Record::new(&[1, 2])), &mut bytes).unwrap();
        put(99, b"from later", &mut bytes);
        for input in [
            Input::Missed(missed),
            Input::ChainCounts(vec![(1, 2), (u64::MAX, 4)]),
            Input::Others(vec![(3, 70)]),
            Input::HeldFor(vec![(
                5,
                Durations {
                    count: 6,
                    total_ns: 7,
                    max_ns: 8,
                },
            )]),
            Input::Ended(Some(1)),
            Input::Ended(None),
            Input::Lost(7),
        ] {
            write(&input, &mut bytes).unwrap();
        }
        let expected = [
            "record [1, 2]",
            "unknown",
            "Missed(Missed { releases: 3, is_settled: true, epochs: 1 })",
            "ChainCounts([(1, 2), (18446744073709551615, 4)])",
            "Others([(3, 70)])",
            "HeldFor([(5, Durations { count: 6, total_ns: 7, max_ns: 8 })])",
            "Ended(Some(1))",
            "Ended(None)",
            "Lost(7)",
        ];
        assert_eq!(told(&bytes), expected);
        for end in 0..bytes.len() {
            let told = told(&bytes[..end]);
            let whole = told.iter().filter(|item| *item != "broken").count();
            assert_eq!(told[..whole], expected[..whole]);
        }
    }
}
