//! What a person calls the object that a lock is part of: read from the kernel's memory while the object is there.
//!
//! By the time a record is read the object can be gone. What is read then is some other memory, so only what looks like a name is believed.

use tracer_common::offset::{ABSENT, Offsets};

use crate::names::{memory::Memory, symbol::Symbols, types::Member};

/// `IFNAMSIZ`
const NETDEV_NAME: usize = 16;
const DEVICE_NAME: usize = 64;
/// Inode numbers of namespaces begin here (`include/linux/proc_ns.h`, `PROC_DYNAMIC_FIRST` and the fixed ones below it).
const FIRST_NETNS: u32 = 0xefff_fff0;

/// The name of the device whose mutex it is.
pub(super) fn device(lock: u64, offsets: &Offsets, memory: &dyn Memory, symbols: &Symbols) -> Option<String> {
    if offsets.device_mutex == ABSENT {
        return None;
    }
    let device = lock.wrapping_sub(offsets.device_mutex as u64);
    let kobject_type = memory.word(member(device, offsets.device_type)?)?;
    (symbols.address("device_ktype") == Some(kobject_type)).then(|| device_name(device, offsets, memory))?
}

/// The network device, namespace or device that it is a member of.
pub(super) fn owner(lock: &Member, address: u64, offsets: &Offsets, memory: &dyn Memory) -> Option<String> {
    lock.holders.iter().find_map(|(structure, offset)| {
        let object = address.wrapping_sub(*offset);
        match structure.as_str() {
            "net_device" => {
                let name = memory.string(member(object, offsets.netdev_name)?, NETDEV_NAME)?;
                Some(format!("netdev {name}"))
            }
            "net" => {
                let inode = memory.word(member(object, offsets.net_inum)?)? as u32;
                (inode >= FIRST_NETNS).then(|| format!("netns {inode}"))
            }
            "device" => Some(format!("device {}", device_name(object, offsets, memory)?)),
            _ => None,
        }
    })
}

fn device_name(device: u64, offsets: &Offsets, memory: &dyn Memory) -> Option<String> {
    let name = memory.word(member(device, offsets.device_name)?)?;
    memory.string(name, DEVICE_NAME)
}

fn member(object: u64, offset: i64) -> Option<u64> {
    (offset != ABSENT).then(|| object.wrapping_add_signed(offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::memory::Image;

    const OBJECT: u64 = 0xffff_8880_0000_0000;
    const OFFSETS: Offsets = Offsets {
        netdev_name: 16,
        net_inum: 32,
        device_mutex: 8,
        device_type: 48,
        device_name: 40,
        ..Offsets::NONE
    };

    fn image() -> Image {
        let mut bytes = vec![0; 256];
        bytes[16..21].copy_from_slice(b"eth0\0");
        bytes[32..36].copy_from_slice(&4_026_531_840u32.to_le_bytes());
        bytes[40..48].copy_from_slice(&(OBJECT + 100).to_le_bytes());
        bytes[48..56].copy_from_slice(&0xffff_ffff_8200_0000u64.to_le_bytes());
        bytes[100..107].copy_from_slice(b"dlock0\0");
        Image(vec![(OBJECT, bytes)])
    }

    fn labelled(structure: &str, address: u64) -> Option<String> {
        let member = Member {
            structure: structure.to_owned(),
            path: "lock".to_owned(),
            holders: vec![(structure.to_owned(), 8)],
        };
        owner(&member, address, &OFFSETS, &image())
    }

    #[test]
    fn the_owner_is_told_by_its_name() {
        assert_eq!(labelled("net_device", OBJECT + 8).as_deref(), Some("netdev eth0"));
        assert_eq!(labelled("net", OBJECT + 8).as_deref(), Some("netns 4026531840"));
        assert_eq!(labelled("device", OBJECT + 8).as_deref(), Some("device dlock0"));
    }

    #[test]
    fn what_is_gone_or_has_no_name_has_no_label() {
        for structure in ["net_device", "net", "device"] {
            assert_eq!(labelled(structure, OBJECT + 8 + 8), None, "{structure}");
            assert_eq!(labelled(structure, OBJECT + 4096), None, "{structure}");
        }
        assert_eq!(labelled("inode", OBJECT + 8), None);
    }

    #[test]
    fn a_device_is_told_by_its_type() {
        let memory = image();
        let told = |symbols: &str, lock| device(lock, &OFFSETS, &memory, &Symbols::parse(symbols));
        let symbols = "ffffffff82000000 d device_ktype\n";
        assert_eq!(told(symbols, OBJECT + 8).as_deref(), Some("dlock0"));
        assert_eq!(told(symbols, OBJECT + 16), None, "another type");
        assert_eq!(told("", OBJECT + 8), None, "no symbol");
    }
}
