//! How often the BPF runtime skipped a program because it was running already on that CPU.
//!
//! From 5.12 on, the kernel tells it in `/proc/self/fdinfo` (`kernel/bpf/syscall.c`, `bpf_prog_show_fdinfo()`); 5.10 does not skip.
//! Those of kprobes are counted from 6.7 on, and skipped before that too (`trace_call_bpf()` in kernel/trace/bpf_trace.c).

use std::{
    fs::File,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::FileExt as _,
    },
};

use aya::programs::Program;

/// What the kernel tells of programs, kept open.
#[derive(Debug, Default)]
pub(super) struct Misses {
    files: Vec<File>,
}

impl Misses {
    /// Of these programs, as far as they are loaded.
    pub(super) fn open<'a>(programs: impl IntoIterator<Item = &'a Program>) -> Self {
        let file = |program: &Program| {
            let fd = program.fd().ok()?.as_fd().as_raw_fd();
            File::open(format!("/proc/self/fdinfo/{fd}")).ok()
        };
        Self {
            files: programs.into_iter().filter_map(file).collect(),
        }
    }

    /// How often all of them together were skipped so far.
    pub(super) fn count(&self) -> u64 {
        let mut text = [0; 1024];
        let mut count = |file: &File| {
            let length = file.read_at(&mut text, 0).ok()?;
            misses(text.get(..length)?)
        };
        self.files.iter().filter_map(&mut count).sum()
    }
}

fn misses(text: &[u8]) -> Option<u64> {
    let text = str::from_utf8(text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_misses_from_5_12_on() {
        assert_eq!(misses(b"pos:\t0\nprog_type:\t26\nrecursion_misses:\t17\n"), Some(17));
        assert_eq!(misses(b"pos:\t0\nprog_type:\t26\n"), None);
    }
}
