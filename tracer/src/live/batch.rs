//! Reading a whole map of the program's at once, where one call for each of its entries would take long.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use aya::Pod;
use aya_obj::generated::bpf_cmd;

use super::syscall::{attr, call};

/// The values of an array with so many entries, in their order (`generic_map_lookup_batch()` in kernel/bpf/syscall.c, 5.6+).
///
/// # Errors
/// What the kernel says.
pub(super) fn values<V: Pod + Default>(array: BorrowedFd<'_>, entries: u32) -> io::Result<Vec<V>> {
    let mut keys = vec![0_u32; entries as usize];
    let mut values = vec![V::default(); entries as usize];
    let mut last = 0_u32;
    let mut attr = attr();
    attr.batch.out_batch = &raw mut last as u64;
    attr.batch.keys = keys.as_mut_ptr() as u64;
    attr.batch.values = values.as_mut_ptr() as u64;
    attr.batch.count = entries;
    attr.batch.map_fd = array.as_raw_fd().cast_unsigned();
    match call(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr) {
        // That there are no more.
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => return Err(error),
        _ => {}
    }
    // SAFETY: what the kernel has filled in.
    values.truncate(unsafe { attr.batch.count } as usize);
    Ok(values)
}
