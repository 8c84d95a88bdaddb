//! What user space tells the programs before it loads them: numbers that stand in their instructions.
//!
//! Where a program asks for a setting it has an instruction that loads a number (`BPF_LD | BPF_IMM | BPF_DW`, the only one with 64 bits of it). That number is a placeholder, which
//! says where in [`Settings`] the setting is, and user space puts it there. So the verifier knows it, and takes out what it rules out; and at run time there is no memory to be read.

use bytemuck::{Pod, Zeroable};

use crate::{offset::Offsets, scope::Scope};

/// All that the programs are told. Numbers of 64 bits only.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Settings {
    /// Where the members of the kernel's structures are.
    pub offsets: Offsets,
    /// Which tasks and locks are traced.
    pub scope: Scope,
    /// Not 0 when only some tasks are traced.
    pub narrowed: u64,
    /// Not 0 on a kernel with lockdep.
    pub lockdep: u64,
    /// Process id of the tracer, which is not traced.
    pub tracer: u64,
    /// One less than there are places for held stacks, which is all ones.
    pub last_place: u64,
    /// One less than there are CPUs that are counted for, which is all ones.
    pub last_cpu: u64,
    /// The number of `struct pt_regs` among the kernel's types: any structure that begins with words does. 0 when the kernel has no cast.
    pub words: u64,
    /// Not 0 where stand-ins are hooked.
    pub stand_ins: u64,
}

/// Bytes of a held stack, of which there are as many in an array as [`Settings::last_place`] says.
pub const HELD_BYTES: usize = 8192;

/// What placeholders begin with: no number that a program has for another reason does.
const MARK: u64 = 0x7e77_1e57_ea5e_0000;

/// What stands in a program for the setting that begins at this byte of [`Settings`].
pub const fn placeholder(byte: usize) -> u64 {
    assert!(byte < size_of::<Settings>() && byte.is_multiple_of(8));
    MARK | byte as u64
}

/// `BPF_LD | BPF_IMM | BPF_DW` (include/uapi/linux/bpf.h)
const LOAD: u8 = 0x18;

impl Settings {
    /// Puts the settings in place of their placeholders. `code` is instructions, as they lie in memory, and whatever else is between them.
    pub fn put(&self, code: &mut [[u8; 8]]) {
        let words: &[u64] = bytemuck::cast_slice(core::slice::from_ref(self));
        for at in 1..code.len() {
            // The lower half of the number is in the instruction, the upper half in what follows: operation, registers, two bytes of nothing, four of the number.
            let ([LOAD, _, 0, 0, a, b, c, d], [0, 0, 0, 0, e, f, g, h]) = (code[at - 1], code[at]) else {
                continue;
            };
            let byte = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ MARK;
            if let Some(setting) = words.get(byte as usize / 8) {
                let [a, b, c, d, e, f, g, h] = setting.to_le_bytes();
                code[at - 1][4..].copy_from_slice(&[a, b, c, d]);
                code[at][4..].copy_from_slice(&[e, f, g, h]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::zeroed();
        settings.offsets = Offsets::NONE;
        settings.scope.hold_times = 0x1234_5678_9abc_def0;
        settings.tracer = 42;
        settings
    }

    /// `r1 = number ll`, as it lies in memory.
    fn load(number: u64) -> [[u8; 8]; 2] {
        let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
        [[LOAD, 1, 0, 0, a, b, c, d], [0, 0, 0, 0, e, f, g, h]]
    }

    #[test]
    fn settings_stand_in_the_place_of_their_placeholders() {
        for (byte, value) in [
            (offset_of!(Settings, offsets.mutex_owner), u64::MAX),
            (offset_of!(Settings, scope.hold_times), 0x1234_5678_9abc_def0),
            (offset_of!(Settings, tracer), 42),
        ] {
            let mut code = load(placeholder(byte));
            settings().put(&mut code);
            assert_eq!(code, load(value));
        }
    }

    #[test]
    fn nothing_else_is_changed() {
        let other = load(MARK + size_of::<Settings>() as u64);
        // No instruction: there is something between operation and number.
        let mut no_load = load(placeholder(0));
        no_load[0][2] = 1;
        for kept in [other, no_load, load(0x9e37_79b9_7f4a_7c15)] {
            let mut code = kept;
            settings().put(&mut code);
            assert_eq!(code, kept);
        }
        settings().put(&mut []);
    }
}
