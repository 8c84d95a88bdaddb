//! The kernel's memory through `/proc/kcore`, and the types of modules.
//!
//! The file is an ELF core (`fs/proc/kcore.c`): its segments say where in it an address is. Opening it needs CAP_SYS_RAWIO and is forbidden by lockdown
//! in mode `confidentiality`; reading it afterwards needs nothing.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::{LiveError, kernel::BTF_PATH};
use crate::names::{memory::Memory, site::ModuleTypes, types::Types};

const KCORE_PATH: &str = "/proc/kcore";
const BTF_FOLDER: &str = "/sys/kernel/btf";

/// `struct elf64_hdr` and `struct elf64_phdr` (`include/uapi/linux/elf.h`).
const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PT_LOAD: u32 = 1;
/// More segments than any machine has ranges of memory.
const MAX_SEGMENTS: u16 = 4096;

/// The kernel's memory.
pub struct Kcore {
    file: File,
    segments: Vec<Segment>,
}

struct Segment {
    address: u64,
    size: u64,
    offset: u64,
}

impl Kcore {
    /// Opens it; must be done before privileges are given up.
    ///
    /// # Errors
    /// When the kernel has none or does not let it be read.
    pub fn open() -> Result<Self, LiveError> {
        let failed = |source| LiveError::Read {
            path: KCORE_PATH.to_owned(),
            source,
        };
        let file = File::open(KCORE_PATH).map_err(failed)?;
        let mut header = [0; ELF_HEADER];
        file.read_exact_at(&mut header, 0).map_err(failed)?;
        let count = u16_at(&header, 56).min(MAX_SEGMENTS);
        let mut table = vec![0; usize::from(count) * PROGRAM_HEADER];
        file.read_exact_at(&mut table, u64_at(&header, 32)).map_err(failed)?;
        Ok(Self {
            file,
            segments: segments(&table),
        })
    }
}

fn segments(table: &[u8]) -> Vec<Segment> {
    table
        .chunks_exact(PROGRAM_HEADER)
        .filter(|header| u32_at(header, 0) == PT_LOAD)
        .map(|header| Segment {
            offset: u64_at(header, 8),
            address: u64_at(header, 16),
            size: u64_at(header, 40),
        })
        .collect()
}

impl Memory for Kcore {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.segments.iter().any(|segment| {
            let Some(within) = address.checked_sub(segment.address) else {
                return false;
            };
            let end = within.checked_add(bytes.len() as u64);
            end.is_some_and(|end| end <= segment.size)
                && self.file.read_exact_at(bytes, segment.offset + within).is_ok()
        })
    }
}

/// The types of modules as the kernel shows them.
pub struct SysBtf;

/// All types of the kernel itself.
///
/// # Errors
/// When its BTF cannot be read.
pub fn types() -> Result<Types, LiveError> {
    let bytes = fs::read(BTF_PATH).map_err(|source| LiveError::Read {
        path: BTF_PATH.to_owned(),
        source,
    })?;
    Types::parse(bytes).map_err(|reason| LiveError::BadBtf {
        path: BTF_PATH,
        reason: reason.to_owned(),
    })
}

impl ModuleTypes for SysBtf {
    fn read(&self, module: &str) -> Option<Vec<u8>> {
        fs::read(Path::new(BTF_FOLDER).join(module)).ok()
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_that_are_loaded_are_kept_and_notes_are_not() {
        let mut table = vec![0; 2 * PROGRAM_HEADER];
        table[0] = 4;
        table[PROGRAM_HEADER] = 1;
        table[PROGRAM_HEADER + 8..][..8].copy_from_slice(&0x3000u64.to_le_bytes());
        table[PROGRAM_HEADER + 16..][..8].copy_from_slice(&0xffff_ffff_8100_0000u64.to_le_bytes());
        table[PROGRAM_HEADER + 40..][..8].copy_from_slice(&0x1000u64.to_le_bytes());
        let segments = segments(&table);
        assert_eq!(segments.len(), 1);
        assert_eq!(
            (segments[0].offset, segments[0].address, segments[0].size),
            (0x3000, 0xffff_ffff_8100_0000, 0x1000)
        );
    }
}
