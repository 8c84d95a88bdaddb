//! The call of `bpf_rdonly_cast()` (kernel/bpf/helpers.c, 6.2+), which lets a program read the kernel's memory by plain loads instead of a helper.
//!
//! Such a call names the function by its number among the types of the running kernel. So there is a placeholder in the programs, and user space puts the call in its
//! place before it loads them.

/// An instruction as it lies in memory: operation, registers (destination in the lower half), immediate.
const fn instruction(operation: u8, registers: u8, immediate: u32) -> u64 {
    operation as u64 | (registers as u64) << 8 | (immediate as u64) << 32
}

/// `BPF_JMP | BPF_CALL`, `BPF_PSEUDO_KFUNC_CALL` in place of the source.
const fn call_of(function: u32) -> u64 {
    instruction(0x85, 2 << 4, function)
}

/// What stands in the programs: a call of a function that no kernel has.
pub const PLACEHOLDER: u64 = call_of(0x7ead_ca57);

/// What takes its place: the call of the function of this number, or `r0 = r1` where there is none, so that the verifier accepts what is never reached.
pub const fn call(function: Option<u32>) -> u64 {
    match function {
        Some(function) => call_of(function),
        None => instruction(0xbf, 1 << 4, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_of_the_kernels_header() {
        // struct bpf_insn in include/uapi/linux/bpf.h: code, dst_reg:4, src_reg:4, off, imm.
        assert_eq!(call(Some(0x1234)).to_le_bytes(), [0x85, 0x20, 0, 0, 0x34, 0x12, 0, 0]);
        assert_eq!(call(None).to_le_bytes(), [0xbf, 0x10, 0, 0, 0, 0, 0, 0]);
    }
}
