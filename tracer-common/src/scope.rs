//! Which tasks and locks are traced at all, as user space hands it to the program before it is loaded.

use bytemuck::{Pod, Zeroable};

use crate::wire::COMM_LEN;

/// What is traced; 0 is no limit.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Scope {
    /// Only the threads of this process.
    pub pid: u64,
    /// Only tasks in the network namespace of this inode number.
    pub netns: u64,
    /// Only tasks of this name.
    pub comm: Comm,
    /// Not 0: no task's own `mmap_lock`.
    pub skip_mmap_lock: u64,
    /// Not 0: locks can be left out one by one, so each has to be looked up.
    pub leaves_out: u64,
    /// How many objects of one call path are told apart.
    pub objects: u64,
    /// Not 0: how long locks are held is measured.
    pub hold_times: u64,
}

/// A task's name as the kernel has it, in two words, filled up with zeroes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Comm {
    /// Its first half; 0 is no name.
    pub first: u64,
    /// The rest.
    pub second: u64,
}

impl Scope {
    /// How many objects of a call path are told apart unless the user says otherwise. File work makes hundreds of thousands of objects on a few hundred paths;
    /// of devices, namespaces and sockets a test has fewer than this.
    pub const OBJECTS: u64 = 64;

    /// Whether only some tasks are traced.
    pub fn is_narrowed(&self) -> bool {
        self.pid | self.netns | self.comm.first != 0
    }

    /// A task's name as the kernel has it; `None` when it is longer than a task's name can be.
    pub fn comm(name: &str) -> Option<Comm> {
        let mut bytes = [0; COMM_LEN];
        // The last byte of the kernel's is always 0.
        bytes[..COMM_LEN - 1]
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        let (first, second) = bytes.split_at(8);
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        Some(Comm {
            first: word(first),
            second: word(second),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_long_as_the_kernel_has_room_for() {
        let ab = Comm {
            first: 0x6261,
            second: 0,
        };
        assert_eq!(Scope::comm("ab"), Some(ab));
        assert!(Scope::comm("fifteen letters").is_some());
        assert_eq!(Scope::comm("sixteen letters!"), None);
    }
}
