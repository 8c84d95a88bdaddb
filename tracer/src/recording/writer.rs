//! Writes a recording as it comes: inputs are gathered for a moment, then written in whole frames.

use std::{fmt, io};

use super::{
    Header,
    frame::{self, Kind},
    item::{self, Table},
};
use crate::{
    decode::Missed,
    names::symbol::Symbol,
    trace::{Noted, input::Input},
};

/// Inputs are gathered up to so many bytes: enough to compress well.
const BATCH: usize = 256 << 10;
/// While nothing can be written, symbols and counts of missed releases are kept for later, up to so many bytes.
const MAX_KEPT: usize = 64 << 20;

/// Where a recording goes.
pub trait Storage: io::Write {
    /// Cuts it back to so many bytes; what is written next stands behind them.
    ///
    /// # Errors
    /// When that cannot be done: half a frame then stays, which a reader passes over.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Has what was written put where it survives a loss of power, without waiting for that.
    fn sync(&mut self);
}

/// Something that the user should know.
#[derive(Debug)]
pub enum Notice {
    /// Nothing can be written at the moment.
    Fails(io::Error),
    /// It goes on, and so many inputs are not in it.
    GoesOn(u64),
    /// It has as many bytes as it may have.
    Full(u64),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(error) => write!(
                f,
                "the recording cannot be written: {error}; tracing goes on, and so does the recording once it can"
            ),
            Self::GoesOn(inputs) => write!(f, "the recording goes on; {inputs} records are not in it"),
            Self::Full(bytes) => write!(
                f,
                "the recording has reached its limit of {bytes} bytes (--record-size); tracing goes on without it"
            ),
        }
    }
}

/// A recording that is being written.
pub struct Writer<S> {
    storage: S,
    /// Bytes of whole frames that are written.
    written: u64,
    /// Frames without which what follows cannot be read, and which are not written yet.
    kept: Vec<u8>,
    symbols: Vec<Symbol>,
    items: Vec<u8>,
    /// Inputs in `items`.
    inputs: u64,
    /// Those of them that say how many releases were missed: without one of these, holds would be believed that should not.
    missed: Vec<Missed>,
    /// Inputs that could not be written, and of which the file does not tell yet.
    lost: u64,
    lost_in_all: u64,
    records: u64,
    fails: bool,
    /// Bytes that it may have.
    limit: u64,
    is_full: bool,
}

impl<S: Storage> Writer<S> {
    /// Begins with what is known at the start. From so many bytes on, nothing but its end is written: what came first is what the rest rests on,
    /// for the kernel tells each chain and each name once.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn new(mut storage: S, header: &Header, limit: u64) -> io::Result<Self> {
        let mut bytes = frame::prefix().to_vec();
        frame::write(Kind::HEADER, &serde_json::to_vec(header)?, &mut bytes)?;
        storage.write_all(&bytes)?;
        storage.sync();
        Ok(Self {
            storage,
            written: bytes.len() as u64,
            kept: Vec::new(),
            symbols: Vec::new(),
            items: Vec::new(),
            inputs: 0,
            missed: Vec::new(),
            lost: 0,
            lost_in_all: 0,
            records: 0,
            fails: false,
            limit,
            is_full: false,
        })
    }

    /// The kernel's symbols were read anew. Must be told before anything that uses the new ones, and after all that used the old ones.
    pub fn table(&mut self, text_end: u64) -> Option<Notice> {
        if self.is_full {
            return None;
        }
        let notice = self.flush();
        // Nothing can be wrong with so short a frame.
        let _ = self.keep(Kind::TABLE, &Table { text_end });
        notice
    }

    /// Takes in an input, after the trace has, with what that has noted.
    pub fn add(&mut self, input: &Input<'_>, noted: Noted) -> Option<Notice> {
        if self.is_full {
            self.add_to_full(input);
            return None;
        }
        self.symbols.extend(noted.symbols);
        if !noted.answers.is_empty() {
            self.item(&Input::Answers(noted.answers));
        }
        match input {
            Input::Missed(missed) => self.missed.push(*missed),
            Input::Record(_) => self.records += 1,
            _ => {}
        }
        self.item(input);
        self.inputs += 1;
        if self.items.len() < BATCH { None } else { self.flush() }
    }

    /// Of what comes now only the end gets into the file, and what was counted until then.
    fn add_to_full(&mut self, input: &Input<'_>) {
        let is_of_end = match input {
            Input::ChainCounts(_) | Input::Ended(_) => true,
            Input::Counted(_) | Input::Others(_) => !self.items.is_empty(),
            _ => false,
        };
        if is_of_end {
            self.item(input);
        } else {
            self.lost += 1;
            self.records += u64::from(matches!(input, Input::Record(_)));
        }
    }

    /// Writes what is left, whatever the limit: the trace has ended.
    pub fn finish(&mut self) -> Option<Notice> {
        self.limit = u64::MAX;
        if std::mem::take(&mut self.is_full) {
            self.flush();
            return None;
        }
        self.flush()
    }

    fn item(&mut self, input: &Input<'_>) {
        if item::write(input, &mut self.items).is_err() {
            self.lost += 1;
        }
    }

    /// Writes what has been gathered.
    pub fn flush(&mut self) -> Option<Notice> {
        if self.is_full {
            return None;
        }
        let symbols = std::mem::take(&mut self.symbols);
        if !symbols.is_empty() && self.keep(Kind::SYMBOLS, &symbols).is_err() {
            self.lost += 1;
        }
        if self.items.is_empty() && self.kept.is_empty() {
            return None;
        }
        match self.write() {
            Ok(()) => {
                self.kept.clear();
                self.items.clear();
                self.missed.clear();
                self.inputs = 0;
                let lost = std::mem::take(&mut self.lost);
                self.lost_in_all += lost;
                std::mem::take(&mut self.fails).then_some(Notice::GoesOn(lost))
            }
            Err(_) if self.is_full => {
                self.lose();
                self.kept.clear();
                Some(Notice::Full(self.limit))
            }
            Err(error) => {
                self.lose();
                (!std::mem::replace(&mut self.fails, true)).then_some(Notice::Fails(error))
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut bytes = self.kept.clone();
        let mut items = Vec::new();
        if self.lost > 0 {
            item::write(&Input::Lost(self.lost), &mut items)?;
        }
        items.extend_from_slice(&self.items);
        if !items.is_empty() {
            frame::write(Kind::INPUTS, &items, &mut bytes)?;
        }
        let length = self.written + bytes.len() as u64;
        if length > self.limit {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = self.storage.write_all(&bytes) {
            // A reader finds the next frame behind half a one, too.
            let _ = self.storage.cut(self.written);
            return Err(error);
        }
        self.written = length;
        self.storage.sync();
        Ok(())
    }

    /// Gives the gathered inputs up, but for what later ones need.
    fn lose(&mut self) {
        self.items.clear();
        let missed = std::mem::take(&mut self.missed);
        self.lost += self.inputs - missed.len() as u64;
        self.inputs = 0;
        let mut items = Vec::new();
        let written = missed
            .iter()
            .try_for_each(|missed| item::write(&Input::Missed(*missed), &mut items));
        let kept = written.is_ok() && (items.is_empty() || frame::write(Kind::INPUTS, &items, &mut self.kept).is_ok());
        if !kept || self.kept.len() > MAX_KEPT {
            self.kept.clear();
            self.lost += 1;
        }
    }

    fn keep(&mut self, kind: Kind, payload: &impl serde::Serialize) -> io::Result<()> {
        frame::write(kind, &serde_json::to_vec(payload)?, &mut self.kept)
    }

    /// Records that were taken in.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Inputs that are not in the file.
    pub fn lost(&self) -> u64 {
        self.lost_in_all + self.lost
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.written
    }

    /// What it is written to.
    #[cfg(test)]
    pub(super) fn storage(&mut self) -> &mut S {
        &mut self.storage
    }
}
