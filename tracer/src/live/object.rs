//! The eBPF objects, and which of them a kernel gets.

use tracer_common::cast;

use super::{Backend, kernel};

/// The eBPF objects, built from `tracer-ebpf` by the build script: for any kernel; with the kernel's help for loops; with held stacks in the tasks
/// themselves, too; and with kprobes.
static PLAIN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/plain.o"));
static LOOPED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/looped.o"));
static STORED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/stored.o"));
static PROBED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probed.o"));

/// The first kernel whose verifier looks at a loop once, and puts it into the program: see `tracer-ebpf/src/slots.rs`.
const LOOPED_SINCE: (u16, u16) = (5, 19);

/// The first kernel where what is kept in a task is always found: see `tracer-ebpf/src/tasks.rs`.
const STORED_SINCE: (u16, u16) = (6, 2);

/// Whether programs get stand-ins: where tasks are preempted in them (see `tracer-ebpf/src/stand_in.rs`), and the object has some.
pub(super) fn wants_stand_ins(backend: Backend) -> bool {
    backend == Backend::Fentry && kernel::release() >= STORED_SINCE && kernel::preempts()
}

/// The best object for a backend on this kernel. `function` is the number of its function that casts, where it has one.
pub(super) fn object(backend: Backend, function: Option<u32>) -> Vec<u8> {
    let release = kernel::release();
    let object = if backend == Backend::Kprobe {
        PROBED
    } else if release >= STORED_SINCE {
        STORED
    } else if release >= LOOPED_SINCE {
        LOOPED
    } else {
        PLAIN
    };
    with_casts(object, function)
}

/// An object with the call of a function in place of the placeholders: instructions lie at multiples of their size.
fn with_casts(object: &[u8], function: Option<u32>) -> Vec<u8> {
    let (placeholder, call) = (cast::PLACEHOLDER.to_le_bytes(), cast::call(function).to_le_bytes());
    let mut object = object.to_vec();
    for instruction in object.chunks_exact_mut(8).filter(|bytes| **bytes == placeholder) {
        instruction.copy_from_slice(&call);
    }
    object
}
