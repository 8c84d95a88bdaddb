//! Variables of the programs in memory that user space shares: what is counted is read, and what is said is said, without a system call.
//!
//! aya makes a map of each section of variables, of its size in the object, and writes zeroes into it. Here another map takes its place before the programs are loaded: an array of one
//! value, of any size, that can be mapped (`BPF_F_MMAPABLE`, 5.5+), under the same number of a file descriptor.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU8, AtomicU64},
};

use aya_obj::generated::{BPF_F_MMAPABLE, bpf_cmd, bpf_map_type::BPF_MAP_TYPE_ARRAY};

use super::{
    LiveError,
    syscall::{attr, fd_of},
};

/// The page that the sizes of what is shared are multiples of.
const PAGE: usize = 4096;

/// A section in memory that is shared. Dropping it leaves the section to the programs.
pub(super) struct Shared {
    first: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory is nobody's but this value's, and is read and written by atomic instructions.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Makes a section so many bytes large and shares it. `maps` has the sections as maps, by their names.
    ///
    /// # Errors
    /// When there is no such section, or the kernel refuses.
    pub(super) fn new(maps: &[(String, RawFd)], section: &'static str, bytes: usize) -> Result<Self, LiveError> {
        let bytes = bytes.next_multiple_of(PAGE);
        let map = enlarge(maps, section, bytes)?;
        Self::mapped(bytes, libc::MAP_SHARED, map.as_raw_fd()).map_err(|error| refused(section, &error))
    }

    /// Whole pages of a file, or of none.
    fn mapped(bytes: usize, flags: libc::c_int, file: RawFd) -> io::Result<Self> {
        // SAFETY: a new mapping.
        let first = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                file,
                0,
            )
        };
        match NonNull::new(first.cast()) {
            Some(mapped) if first != libc::MAP_FAILED => Ok(Self { first: mapped, bytes }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Its words.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: mapped as long as this value is there, at a page, and all zeroes at first.
        unsafe { slice::from_raw_parts(self.first.as_ptr().cast(), self.bytes / size_of::<u64>()) }
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts(self.first.as_ptr().cast(), self.bytes) }
    }
}

#[cfg(test)]
impl Shared {
    /// Memory that no program has.
    pub(super) fn alone(bytes: usize) -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        Self::mapped(bytes.next_multiple_of(PAGE), flags, -1).unwrap()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by `mapped`, and not borrowed any more.
        unsafe { libc::munmap(self.first.as_ptr().cast(), self.bytes) };
    }
}

/// Makes a section of variables so many bytes large: all of them are zero. Gives it as a map.
///
/// # Errors
/// When there is no such section, or the kernel refuses.
pub(super) fn enlarge<'a>(
    maps: &'a [(String, RawFd)],
    section: &'static str,
    bytes: usize,
) -> Result<BorrowedFd<'a>, LiveError> {
    let small = maps.iter().find(|(name, _)| name == section);
    let (_, small) = small.ok_or_else(|| LiveError::Object {
        name: section.to_owned(),
    })?;
    let large = array(section, bytes).map_err(|error| refused(section, &error))?;
    // SAFETY: both are open; whoever has the small one, aya, has the large one from here on.
    if unsafe { libc::dup3(large.as_raw_fd(), *small, libc::O_CLOEXEC) } < 0 {
        return Err(refused(section, &io::Error::last_os_error()));
    }
    // SAFETY: open as long as aya's maps are, like all in the list.
    Ok(unsafe { BorrowedFd::borrow_raw(*small) })
}

/// A map with one value.
fn array(section: &str, bytes: usize) -> io::Result<OwnedFd> {
    let mut attr = attr();
    // SAFETY: the part of the union that this command takes; all of it is zero.
    let create = unsafe { &mut attr.__bindgen_anon_1 };
    create.map_type = BPF_MAP_TYPE_ARRAY as u32;
    create.key_size = size_of::<u32>() as u32;
    create.value_size = u32::try_from(bytes).map_err(io::Error::other)?;
    create.max_entries = 1;
    create.map_flags = BPF_F_MMAPABLE;
    // The last byte ends it.
    let (_, name) = create.map_name.split_last_mut().ok_or(io::ErrorKind::InvalidInput)?;
    for (to, from) in name.iter_mut().zip(section.bytes()) {
        *to = from.cast_signed();
    }
    fd_of(bpf_cmd::BPF_MAP_CREATE, &mut attr)
}

fn refused(section: &str, error: &io::Error) -> LiveError {
    LiveError::Load {
        reason: format!("the variables `{section}`: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn words_and_bytes_are_the_same_memory_and_zero_at_first() {
        let shared = Shared::alone(PAGE + 1);
        assert_eq!(shared.bytes().len(), 2 * PAGE);
        assert_eq!(shared.words().len(), 2 * PAGE / 8);
        assert!(shared.words().iter().all(|word| word.load(Ordering::Relaxed) == 0));
        shared.bytes()[PAGE].store(1, Ordering::Relaxed);
        assert_eq!(shared.words()[PAGE / 8].load(Ordering::Relaxed).to_ne_bytes()[0], 1);
    }

    #[test]
    fn a_section_that_is_not_there_is_named() {
        let missing = enlarge(&[(".bss".to_owned(), 0)], ".bss.nosuch", PAGE).unwrap_err();
        assert!(
            matches!(&missing, LiveError::Object { name } if name == ".bss.nosuch"),
            "{missing}"
        );
    }
}
