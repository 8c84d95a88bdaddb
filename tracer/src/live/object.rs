//! The eBPF objects, and which of them a kernel gets.

use tracer_common::{
    kfunc::{self, COOKIE, IS_RETURN, KFUNCS},
    setting::Settings,
};

use super::{Backend, Types, kernel};

/// The eBPF objects, built from `tracer-ebpf` by the build script: for any kernel; with the kernel's help for loops; with all that the newest kernels take; of that the programs
/// for many functions, and those that these do not take the place of; and with kprobes.
static PLAIN: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/plain.o"));
static LOOPED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/looped.o"));
static NEWEST: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/newest.o"));
static ALONE: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/alone.o"));
static MULTI: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/multi.o"));
static PROBED: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probed.o"));

/// The first kernel whose verifier looks at a loop once, and puts it into the program: see `tracer-ebpf/src/slots.rs`.
const LOOPED_SINCE: (u16, u16) = (5, 19);

/// The first kernel with casts: see `tracer-ebpf/src/cast.rs`.
const NEWEST_SINCE: (u16, u16) = (6, 2);

/// Whether programs get stand-ins: where tasks are preempted in them (see `tracer-ebpf/src/stand_in.rs`), and the object has some.
pub(super) fn wants_stand_ins(backend: Backend) -> bool {
    backend == Backend::Fentry && is_newest(backend) && kernel::preempts()
}

/// Whether it is the object for the newest kernels.
fn is_newest(backend: Backend) -> bool {
    backend != Backend::Kprobe && kernel::release() >= NEWEST_SINCE
}

/// Whether programs are hooked to many functions at once: see `tracer_common::multi`. Not where the kernel preempts tasks in its own code: it skips these programs on a CPU where a task was
/// preempted in a call that reads or changes a map (`bpf_disable_instrumentation()`, include/linux/bpf.h), all of them for as long as that task does not run.
pub(super) fn wants_multi(backend: Backend, types: &Types) -> bool {
    let has_sessions = [IS_RETURN, COOKIE].iter().all(|kfunc| types.kfunc(kfunc).is_some());
    backend == Backend::Fentry && is_newest(backend) && has_sessions && !kernel::preempts()
}

/// The best object for a backend on this kernel; with `multi` without the programs that those for many functions take the place of.
pub(super) fn object(backend: Backend, multi: bool, types: &Types, settings: &Settings) -> Vec<u8> {
    let release = kernel::release();
    let object = if backend == Backend::Kprobe {
        PROBED
    } else if multi {
        ALONE
    } else if is_newest(backend) {
        NEWEST
    } else if release >= LOOPED_SINCE {
        LOOPED
    } else {
        PLAIN
    };
    filled(object, types, settings)
}

/// The programs that are hooked to many functions: they share the maps of the [`object`].
pub(super) fn multi(types: &Types, settings: &Settings) -> Vec<u8> {
    filled(MULTI, types, settings)
}

/// Places for held stacks, of which each task that takes a lock needs one: so many that most find theirs free, also when there are soon many more tasks than now.
pub(super) fn places(backend: Backend) -> u32 {
    if !is_newest(backend) {
        return HASHED_PLACES;
    }
    let places = 4 * kernel::tasks().saturating_add(256);
    places.next_power_of_two().clamp(FEWEST_PLACES, MOST_PLACES)
}

/// CPUs that are counted for: more share what is counted. All ones is the last.
pub(super) fn counted_cpus(cpus: usize) -> usize {
    // Before 6.2 a variable has no more than 4 MB (`KMALLOC_MAX_SIZE`, `array_map_alloc_check()` in kernel/bpf/arraymap.c).
    let most = if kernel::release() >= NEWEST_SINCE { 1024 } else { 64 };
    cpus.next_power_of_two().min(most)
}

/// 8 KB each.
const FEWEST_PLACES: u32 = 2048;
const MOST_PLACES: u32 = 32_768;

/// Where they are in a hash map, which has no use for free ones.
const HASHED_PLACES: u32 = 8192;

/// An object with calls of the kernel's functions, and the settings, in place of the placeholders: instructions lie at multiples of their size.
fn filled(object: &[u8], types: &Types, settings: &Settings) -> Vec<u8> {
    let calls = KFUNCS.map(|kfunc| (kfunc.placeholder, kfunc::call(types.kfunc(&kfunc))));
    let mut object = object.to_vec();
    let (instructions, _) = object.as_chunks_mut();
    settings.put(instructions);
    for instruction in instructions {
        let found = u64::from_le_bytes(*instruction);
        if let Some((_, call)) = calls.iter().find(|(placeholder, _)| *placeholder == found) {
            *instruction = call.to_le_bytes();
        }
    }
    object
}
