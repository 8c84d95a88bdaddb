//! What a recording holds and what it lacks.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    io::Read,
};

use super::{
    Header, RecordingError,
    frame::{Kind, MAJOR},
    reader::Damage,
    replay::walk,
};

/// Damaged places that are told one by one.
const MAX_DAMAGES: usize = 20;

/// What was found in a recording.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Its format; none when that is damaged.
    pub version: Option<(u16, u16)>,
    /// What it says of itself.
    pub header: Option<Header>,
    /// Bytes.
    pub bytes: u64,
    /// Frames by kind.
    pub frames: BTreeMap<Kind, u64>,
    /// Frames and items of kinds that this version does not know.
    pub unknown: u64,
    /// Records of the kernel.
    pub records: u64,
    /// Symbols of the kernel.
    pub symbols: u64,
    /// Inputs that were not recorded, as the recording says itself.
    pub lost: u64,
    /// Damaged places: the first ones, and the last.
    pub damages: Vec<Damage>,
    /// How many there are in all.
    pub damaged: u64,
    /// The trace came to its end.
    pub ended: bool,
}

/// Checks every frame of a recording.
///
/// # Errors
/// When it is none, or of a version that cannot be read. Damage is no error.
pub fn verify(input: impl Read) -> Result<Inventory, RecordingError> {
    let ((), inventory) = walk(input, |_| Ok(()), |(), _| {})?;
    Ok(inventory)
}

impl Inventory {
    /// Whether every byte is what was written. A recording that was cut off is not.
    pub fn is_whole(&self) -> bool {
        self.damaged == 0
    }

    /// A place that is no frame. Places next to each other are one.
    pub(super) fn damage(&mut self, damage: Damage) {
        if let Some(last) = self.damages.last_mut()
            && last.offset + last.bytes == damage.offset
        {
            last.bytes += damage.bytes;
            last.is_end = damage.is_end;
            return;
        }
        self.damaged += 1;
        if self.damages.len() == MAX_DAMAGES {
            self.damages.pop();
        }
        self.damages.push(damage);
    }

    /// What the user should know before a report of it is believed, a line each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.damages.iter().map(ToString::to_string).collect();
        let told = self.damages.len() as u64;
        if self.damaged > told {
            warnings.push(format!("and {} more places are damaged", self.damaged - told));
        }
        if self.lost > 0 {
            warnings.push(format!(
                "{} records could not be written when it was recorded",
                self.lost
            ));
        }
        if !self.ended {
            warnings.push("it has no end: the tracer was ended by force, or the machine was".to_owned());
        }
        if self.unknown > 0 {
            warnings.push(format!(
                "{} parts of kinds that this version does not know are left out",
                self.unknown
            ));
        }
        warnings
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, offset) = (self.bytes, self.offset);
        if self.is_end {
            write!(
                f,
                "it is cut off: its last {bytes} bytes, from offset {offset} on, are no whole frame"
            )
        } else {
            write!(
                f,
                "{bytes} bytes at offset {offset} are damaged: what they told is missing"
            )
        }
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.unwrap_or((MAJOR, 0));
        writeln!(f, "format      {}.{}", version.0, version.1)?;
        if let Some(header) = &self.header {
            let capture = &header.capture;
            let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
            writeln!(f, "written by  {} {}", header.tool.name, header.tool.version)?;
            writeln!(
                f,
                "kernel      {} {}",
                known(&header.kernel.release),
                known(&header.kernel.machine)
            )?;
            writeln!(f, "started     {}", known(&capture.started))?;
            writeln!(
                f,
                "backend     {}, {} probes",
                capture.backend,
                capture.probes.attached.len()
            )?;
            writeln!(f, "selection   {}", known(&capture.selection))?;
            let command = capture
                .command
                .as_ref()
                .map_or("none".to_owned(), |words| words.join(" "));
            writeln!(f, "command     {}", command.escape_debug())?;
        }
        let mut frames = String::new();
        for (kind, count) in &self.frames {
            write!(frames, ", {count} {}", kind.name())?;
        }
        writeln!(f, "frames      {}", frames.trim_start_matches(", "))?;
        writeln!(f, "records     {}", self.records)?;
        writeln!(f, "symbols     {}", self.symbols)?;
        writeln!(f, "bytes       {}", self.bytes)?;
        let state = if self.is_whole() { "whole" } else { "damaged" };
        writeln!(f, "state       {state}")
    }
}
