//! Functions of the kernel that programs call by number ("kfuncs").
//!
//! Such a call names the function by its number among the types of the running kernel. So there are placeholders in the programs, and user space puts the calls in their
//! place before it loads them.

/// A function of the kernel that a program calls.
pub struct Kfunc {
    /// What it is called.
    pub name: &'static str,
    /// What stands in the programs: a call of a function that no kernel has.
    pub placeholder: u64,
}

/// `bpf_rdonly_cast()` (kernel/bpf/helpers.c, 6.2+) lets a program read the kernel's memory by plain loads instead of a helper.
pub const CAST: Kfunc = Kfunc::new("bpf_rdonly_cast", 0x7ead_ca57);

/// `bpf_session_is_return()` (kernel/trace/bpf_trace.c, 6.10+): whether a function that a program of a session runs for returns, or begins.
pub const IS_RETURN: Kfunc = Kfunc::new("bpf_session_is_return", 0x7ead_ca58);

/// `bpf_session_cookie()` (the same file): a word that the program can leave where a function begins and finds where that call returns.
pub const COOKIE: Kfunc = Kfunc::new("bpf_session_cookie", 0x7ead_ca59);

/// All of them.
pub const KFUNCS: [Kfunc; 3] = [CAST, IS_RETURN, COOKIE];

impl Kfunc {
    const fn new(name: &'static str, placeholder: u32) -> Self {
        Self {
            name,
            placeholder: call_of(placeholder),
        }
    }
}

/// What takes the place of a placeholder: the call of the function of this number, or `r0 = r1` where there is none, so that the verifier accepts what is never reached.
pub const fn call(function: Option<u32>) -> u64 {
    match function {
        Some(function) => call_of(function),
        None => instruction(0xbf, 1 << 4, 0),
    }
}

/// `BPF_JMP | BPF_CALL`, `BPF_PSEUDO_KFUNC_CALL` in place of the source.
const fn call_of(function: u32) -> u64 {
    instruction(0x85, 2 << 4, function)
}

/// An instruction as it lies in memory: operation, registers (destination in the lower half), immediate.
const fn instruction(operation: u8, registers: u8, immediate: u32) -> u64 {
    operation as u64 | (registers as u64) << 8 | (immediate as u64) << 32
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

    #[test]
    fn placeholders_differ() {
        for kfunc in KFUNCS {
            assert_eq!(
                KFUNCS
                    .iter()
                    .filter(|other| other.placeholder == kfunc.placeholder)
                    .count(),
                1
            );
        }
    }
}
