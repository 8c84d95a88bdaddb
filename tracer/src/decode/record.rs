//! Bytes to records: sizes are checked, nothing is trusted.

use bytemuck::AnyBitPattern;
use tracer_common::wire::{self, Header, Kind, Situation, Slot, info};

use super::DecodeError;
use crate::analysis::event::{Durations, TaskKey};

/// Reads the record at the beginning of `bytes`; `kind` is for the error.
pub(super) fn read<T: AnyBitPattern>(bytes: &[u8], kind: u32) -> Result<T, DecodeError> {
    let wanted = size_of::<T>();
    let record = bytes.get(..wanted).ok_or(DecodeError::Short {
        kind,
        found: bytes.len(),
        wanted,
    })?;
    Ok(bytemuck::pod_read_unaligned(record))
}

/// A record as it came, and what has to be known of it before it is decoded.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
    parts: Result<Parts, DecodeError>,
}

/// What all records have, and what some end with.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) header: Header,
    pub(super) tail: Option<Tail>,
}

impl<'a> Record<'a> {
    /// Looks at the bytes of one. What is wrong with it is told when it is decoded.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            parts: Parts::read(bytes),
        }
    }

    /// All of it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn parts(&self) -> Result<&Parts, DecodeError> {
        self.parts.as_ref().map_err(Clone::clone)
    }

    /// Whether the kernel has symbols after this record that it did not have when they were last read, at `read_ns` (`CLOCK_MONOTONIC`): a module is loaded.
    pub fn announces_symbols(&self, read_ns: u64) -> bool {
        self.kind() == Some(Kind::MODULE) && self.parts.as_ref().is_ok_and(|parts| parts.header.time_ns > read_ns)
    }

    fn kind(&self) -> Option<Kind> {
        self.parts.as_ref().ok().map(|parts| Kind(parts.header.kind))
    }

    /// Whether it tells of a task that does not get on.
    pub fn tells_of_a_wait(&self) -> bool {
        matches!(self.kind(), Some(Kind::STALLED | Kind::BLOCKED))
    }

    /// Whether it tells of a hold that is believed only as long as no release was missed: how many were is needed before it is decoded.
    pub fn needs_missed(&self) -> bool {
        let tail = self.parts.as_ref().ok().and_then(|parts| parts.tail.as_ref());
        tail.is_some_and(|tail| tail.held.iter().any(|slot| !info::is_named(slot.info)))
    }
}

impl Parts {
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header: Header = read(bytes, 0)?;
        let tail = match Kind(header.kind) {
            Kind::CHAIN => Some(tail_of(bytes, header.kind, |record: &wire::Chain| &record.situation)?),
            Kind::NOTIFIER => Some(tail_of(bytes, header.kind, |record: &wire::Notifier| {
                &record.situation
            })?),
            Kind::STALLED => Some(tail_of(bytes, header.kind, |record: &wire::Stalled| &record.situation)?),
            Kind::WAKE => Some(tail_of(bytes, header.kind, |record: &wire::Wake| &record.situation)?),
            _ => None,
        };
        Ok(Self { header, tail })
    }
}

/// What follows the fixed part of a record that ends with a [`Situation`].
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// The slots that are not free.
    pub(super) held: Vec<Slot>,
    /// Return addresses, innermost first; `None` when the stack could not be walked.
    pub(super) stack: Option<Vec<u64>>,
}

/// Reads what follows the fixed part of a record that is a `T`.
fn tail_of<T: AnyBitPattern>(
    bytes: &[u8],
    kind: u32,
    situation: impl FnOnce(&T) -> &Situation,
) -> Result<Tail, DecodeError> {
    tail::<T>(bytes, situation(&read(bytes, kind)?), kind)
}

/// Reads what follows a fixed part of `T`.
fn tail<T>(bytes: &[u8], situation: &Situation, kind: u32) -> Result<Tail, DecodeError> {
    let stack_bytes = usize::try_from(situation.stack_bytes).ok();
    let slots_end = usize::try_from(situation.held)
        .ok()
        .and_then(|held| held.checked_mul(size_of::<Slot>()))
        .and_then(|slots| slots.checked_add(size_of::<T>()));
    let wanted = slots_end
        .and_then(|end| end.checked_add(stack_bytes.unwrap_or(0)))
        .unwrap_or(usize::MAX);
    let short = DecodeError::Short {
        kind,
        found: bytes.len(),
        wanted,
    };
    let slots_end = slots_end.unwrap_or(usize::MAX);
    let slots = bytes.get(size_of::<T>()..slots_end).ok_or_else(|| short.clone())?;
    let stack = bytes.get(slots_end..wanted).ok_or(short)?;
    Ok(Tail {
        held: elements(slots).filter(|slot: &Slot| slot.lock != 0).collect(),
        stack: stack_bytes.map(|_| elements(stack).collect()),
    })
}

fn elements<T: AnyBitPattern>(bytes: &[u8]) -> impl Iterator<Item = T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned)
}

/// A string of the kernel: up to the first 0, or all of it.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The task's name.
pub(super) fn comm(header: &Header) -> String {
    text(&header.comm)
}

/// Which task it is. The kernel gives the `task_struct` of a task that is gone to the next one; its thread id is another one then. An address is a
/// multiple of 64 (`ARCH_MIN_TASKALIGN`) with its top bits set, and a thread id less than 2^22 (`PID_MAX_LIMIT`): the key has room for both.
pub(super) fn task(header: &Header) -> TaskKey {
    task_of(header.task, header.pid)
}

/// The same of an address and a thread id.
pub(super) fn task_of(task: u64, pid: u32) -> TaskKey {
    TaskKey(task >> 6 << 22 | u64::from(pid))
}

impl From<wire::Durations> for Durations {
    fn from(durations: wire::Durations) -> Self {
        [durations.count, durations.total_ns, durations.max_ns].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(task: u64, pid: u32) -> Header {
        Header {
            task,
            pid,
            ..bytemuck::Zeroable::zeroed()
        }
    }

    #[test]
    fn a_task_is_its_memory_and_its_thread_id() {
        const TASK: u64 = 0xffff_8880_0123_4540;
        assert_eq!(task(&header(TASK, 7)), task(&header(TASK, 7)));
        assert_ne!(task(&header(TASK, 7)), task(&header(TASK, 8)));
        assert_ne!(task(&header(TASK, 7)), task(&header(TASK + 0x40, 7)));
    }

    #[test]
    fn a_string_ends_at_its_zero_or_at_the_end() {
        assert_eq!(text(b"devlink\0garbage"), "devlink");
        assert_eq!(text(b"kworker/u8:1-net"), "kworker/u8:1-net");
        assert_eq!(text(b""), "");
    }
}
