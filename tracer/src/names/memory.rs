//! The kernel's memory as data: whoever has access to it reads it for this.

const PAGE: u64 = 4096;

/// Memory by its addresses in the kernel.
pub trait Memory {
    /// Fills `bytes` with what is at `address`; false when not all of it can be read.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;

    /// A word.
    fn word(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes).then(|| u64::from_le_bytes(bytes))
    }

    /// The string at an address, if it ends within `limit` bytes and is printable ASCII.
    fn string(&self, address: u64, limit: usize) -> Option<String> {
        let mut bytes = vec![0; limit];
        // Behind the string there may be nothing: up to the end of the page is sure to be there.
        let page = (PAGE - address % PAGE) as usize;
        if !self.read(address, &mut bytes) {
            bytes.truncate(page.min(limit));
            if !self.read(address, &mut bytes) {
                return None;
            }
        }
        let end = bytes.iter().position(|&byte| byte == 0)?;
        bytes.truncate(end);
        let is_text = !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        is_text.then(|| String::from_utf8(bytes).ok())?
    }
}

/// Some bytes at an address, for tests.
#[cfg(test)]
pub(crate) struct Image(pub(crate) Vec<(u64, Vec<u8>)>);

#[cfg(test)]
impl Memory for Image {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        self.0.iter().any(|(start, content)| {
            let Some(from) = address.checked_sub(*start).map(|from| from as usize) else {
                return false;
            };
            let Some(found) = content.get(from..from + bytes.len()) else {
                return false;
            };
            bytes.copy_from_slice(found);
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_printable_and_ends() {
        let image = Image(vec![
            (0x1000, b"eth0\0 and so on, for some bytes".to_vec()),
            (0x1ffb, b"eth1\0".to_vec()),
            (0x2000, b"eth0, and no end of it".to_vec()),
            (0x3000, b"e\x80\0 and so on, for some bytes".to_vec()),
            (0x4000, b"\0 and so on, for some bytes".to_vec()),
        ]);
        assert_eq!(image.string(0x1000, 16).as_deref(), Some("eth0"));
        assert_eq!(image.string(0x1ffb, 16).as_deref(), Some("eth1"), "the page ends");
        for address in [0x2000, 0x3000, 0x4000, 0x5000] {
            assert_eq!(image.string(address, 16), None, "{address:#x}");
        }
        assert_eq!(image.string(0x1000, 4), None, "longer than allowed");
        assert_eq!(image.word(0x5000), None);
    }
}
