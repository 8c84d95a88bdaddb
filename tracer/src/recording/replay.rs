//! A recording back into the trace that it is of.

use std::{fmt, io::Read, mem::offset_of};

use tracer_common::wire::{self, Chain, Header as RecordHeader, Kind as RecordKind, Notifier, Origin, Situation};

use super::{
    Header, Inventory, RecordingError,
    frame::{self, Kind, PREFIX},
    item::{Item, Items, Table},
    reader::{Damage, Frames, Part},
};
use crate::{
    analysis::context::Addresses,
    decode::{Record, kernel::Kernel},
    names::symbol::Symbol,
    trace::{Trace, input::Input},
};

/// A recording that was taken in.
pub struct Replay {
    /// What it told.
    pub trace: Trace,
    /// What was in it, and what was not.
    pub inventory: Inventory,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("inventory", &self.inventory)
            .finish_non_exhaustive()
    }
}

/// Makes the trace of a recording. Addresses are shown as pseudonyms, as by default in a live report.
///
/// # Errors
/// When it is none, of a version that cannot be read, or damaged in its header. What else is damaged is left out, and the report says so.
pub fn replay(input: impl Read) -> Result<Replay, RecordingError> {
    let begin = |header: &Header| {
        let kernel = Kernel::Told(Default::default());
        Trace::new(&header.setup(), Addresses::Pseudonym, kernel).map_err(RecordingError::Header)
    };
    let take = |trace: &mut Trace, input: &Input<'_>| {
        trace.take(input);
    };
    let (mut trace, inventory) = walk(input, begin, take)?;
    trace.lack("recording_damaged", inventory.damaged);
    trace.lack("recording_not_ended", u64::from(!inventory.ended));
    trace.lack("recording_unknown", inventory.unknown);
    Ok(Replay { trace, inventory })
}

/// Goes through a recording: `begin` makes something of its header, which then takes its inputs.
pub(super) fn walk<T>(
    mut input: impl Read,
    begin: impl FnOnce(&Header) -> Result<T, RecordingError>,
    take: impl Fn(&mut T, &Input<'_>),
) -> Result<(T, Inventory), RecordingError> {
    let mut inventory = Inventory::default();
    version(&mut input, &mut inventory)?;
    let mut frames = Frames::new(input, PREFIX as u64);
    let header = header(&mut frames, &mut inventory)?;
    let renumbered = header.renumbered();
    let mut taker = begin(&header)?;
    inventory.header = Some(header);
    let mut take = |input: &Input<'_>, inventory: &mut Inventory| {
        match input {
            Input::Record(_) => inventory.records += 1,
            Input::Symbols(symbols) => inventory.symbols += symbols.len() as u64,
            Input::Lost(inputs) => inventory.lost = inventory.lost.saturating_add(*inputs),
            Input::Ended(_) => inventory.ended = true,
            _ => {}
        }
        take(&mut taker, input);
    };
    while let Some(part) = frames.next()? {
        let (kind, payload) = match part {
            Part::Damage(damage) => {
                inventory.damage(damage);
                continue;
            }
            Part::Frame(kind, payload) => (kind, payload),
        };
        *inventory.frames.entry(kind).or_default() += 1;
        match kind {
            Kind::TABLE => match serde_json::from_slice::<Table>(&payload) {
                Ok(table) => take(&Input::Table(table.text_end), &mut inventory),
                Err(_) => inventory.unknown += 1,
            },
            Kind::SYMBOLS => match serde_json::from_slice::<Vec<Symbol>>(&payload) {
                Ok(symbols) => take(&Input::Symbols(symbols), &mut inventory),
                Err(_) => inventory.unknown += 1,
            },
            Kind::INPUTS => {
                for item in Items(&payload) {
                    match (item, &renumbered) {
                        (Item::Input(Input::Record(record)), Some(numbers)) => {
                            let mut bytes = record.bytes().to_vec();
                            renumber(&mut bytes, numbers);
                            take(&Input::Record(Record::new(&bytes)), &mut inventory);
                        }
                        (Item::Input(input), _) => take(&input, &mut inventory),
                        (Item::Broken | Item::Unknown, _) => inventory.unknown += 1,
                    }
                }
            }
            // It is known already.
            Kind::HEADER => {}
            _ => inventory.unknown += 1,
        }
    }
    inventory.bytes = frames.offset();
    Ok((taker, inventory))
}

fn version(input: &mut impl Read, inventory: &mut Inventory) -> Result<(), RecordingError> {
    let mut prefix = Vec::with_capacity(PREFIX);
    input.take(PREFIX as u64).read_to_end(&mut prefix)?;
    if !prefix.starts_with(&frame::MAGIC) {
        return Err(RecordingError::NoRecording);
    }
    inventory.version = prefix.first_chunk().and_then(frame::version);
    match inventory.version {
        Some((major, minor)) if major > frame::MAJOR => return Err(RecordingError::Newer { major, minor }),
        Some((major, minor)) if major < frame::MAJOR => return Err(RecordingError::Older { major, minor }),
        Some(_) => {}
        // The rest may be whole all the same: its frames say so.
        None => inventory.damage(Damage {
            offset: 0,
            bytes: prefix.len() as u64,
            is_end: prefix.len() < PREFIX,
        }),
    }
    Ok(())
}

fn header(frames: &mut Frames<impl Read>, inventory: &mut Inventory) -> Result<Header, RecordingError> {
    let missing = |reason: &str| RecordingError::NoHeader(reason.to_owned());
    let payload = match frames.next()? {
        Some(Part::Frame(Kind::HEADER, payload)) => payload,
        Some(Part::Frame(..)) => return Err(missing("another frame is the first one")),
        Some(Part::Damage(damage)) => return Err(missing(&damage.to_string())),
        None => return Err(missing("it ends before it")),
    };
    *inventory.frames.entry(Kind::HEADER).or_default() += 1;
    let header: Header = serde_json::from_slice(&payload).map_err(|error| missing(&error.to_string()))?;
    if header.layout != wire::LAYOUT {
        return Err(RecordingError::Layout {
            version: header.tool.version,
        });
    }
    Ok(header)
}

/// Gives the probes in a record the numbers that they have in this version's table.
fn renumber(bytes: &mut [u8], numbers: &[u32]) {
    const KIND: usize = offset_of!(RecordHeader, kind);
    let new = |old: u32| numbers.get(old as usize).copied().unwrap_or(u32::MAX);
    let word = |bytes: &[u8], at: usize| {
        bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .map(|word| u32::from_le_bytes(*word))
    };
    let put = |bytes: &mut [u8], at: usize, number: u32| {
        if let Some(word) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *word = number.to_le_bytes();
        }
    };
    let at = offset_of!(RecordHeader, probe);
    if let Some(probe) = word(bytes, at) {
        put(bytes, at, new(probe));
    }
    let situation = match word(bytes, KIND).map(RecordKind) {
        Some(RecordKind::CHAIN) => offset_of!(Chain, situation),
        Some(RecordKind::NOTIFIER) => offset_of!(Notifier, situation),
        _ => return,
    };
    // Here 0 is none, and they count from 1.
    let at = situation + offset_of!(Situation, origin) + offset_of!(Origin, probe);
    if let Some(origin) = word(bytes, at).and_then(|origin| origin.checked_sub(1)) {
        put(bytes, at, new(origin).wrapping_add(1));
    }
}
