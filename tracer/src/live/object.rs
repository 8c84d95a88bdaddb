//! The eBPF objects, and which of them a kernel gets.

use tracer_common::{
    kfunc::{self, COOKIE, IS_RETURN, KFUNCS},
    setting::Settings,
};

use object::{
    LittleEndian,
    elf::{FileHeader64, SectionHeader64},
    pod,
    read::elf::{ElfFile64, FileHeader as _},
    read::{Object as _, ObjectSection as _},
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
    // Where they are in a hash map there is no such section.
    let _ = enlarge(&mut object, TASKS, settings.last_place + 1);
    object
}

/// The section of the places for held stacks, of which there is one in an object.
const TASKS: &str = ".bss.tasks";

/// Makes an empty section so many times larger.
fn enlarge(object: &mut [u8], section: &str, times: u64) -> Option<()> {
    let file: ElfFile64<'_, LittleEndian> = ElfFile64::parse(&*object).ok()?;
    let index = file.section_by_name(section)?.index().0;
    let header: &FileHeader64<LittleEndian> = file.elf_header();
    let sections = header.e_shoff(LittleEndian) as usize;
    let section = object.get_mut(sections + index * size_of::<SectionHeader64<LittleEndian>>()..)?;
    let (section, _) = pod::from_bytes_mut::<SectionHeader64<LittleEndian>>(section).ok()?;
    let size = section.sh_size.get(LittleEndian);
    section.sh_size.set(LittleEndian, size * times);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_made_so_many_times_larger() {
        // Any file of this sort will do.
        let mut object = std::fs::read("/proc/self/exe").unwrap();
        let size = |object: &[u8]| {
            let file: ElfFile64<'_, LittleEndian> = ElfFile64::parse(object).unwrap();
            file.section_by_name(".bss").unwrap().size()
        };
        let before = size(&object);
        assert_eq!(enlarge(&mut object, ".bss", 3), Some(()));
        assert_eq!(size(&object), 3 * before);
        assert_eq!(enlarge(&mut object, ".nosuch", 3), None);
        assert_eq!(enlarge(&mut [0; 64], ".bss", 3), None);
    }
}
