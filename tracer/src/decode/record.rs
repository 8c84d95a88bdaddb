//! Bytes to records: sizes are checked, nothing is trusted.

use bytemuck::AnyBitPattern;
use tracer_common::wire::Header;

use super::DecodeError;

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

/// A string of the kernel: up to the first 0, or all of it.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The task's name.
pub(super) fn comm(header: &Header) -> String {
    text(&header.comm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_its_zero_or_at_the_end() {
        assert_eq!(text(b"devlink\0garbage"), "devlink");
        assert_eq!(text(b"kworker/u8:1-net"), "kworker/u8:1-net");
        assert_eq!(text(b""), "");
    }
}
