//! What user space sets before the program is loaded, constants for the verifier; and addresses, before it is hooked.

use aya_ebpf::Global;
use tracer_common::{
    offset::{KINDS, Offsets},
    probe::{MAX_PROBES, ProbeIndex},
    scope::Scope,
};

/// Offsets of kernel structure members.
#[unsafe(no_mangle)]
static OFFSETS: Global<Offsets> = Global::new(Offsets::NONE);

/// Address of each probe's function, and behind them that of `device_ktype`; 0 when kallsyms did not tell. A map of its own, because that is read while others are made.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.addresses")]
static ADDRESSES: [u64; MAX_PROBES + 1] = [0; MAX_PROBES + 1];

/// Where in a lock of each kind the words begin that tell who has it: see [`Offsets::proofs`]. A table, because the verifier follows every branch.
#[unsafe(no_mangle)]
static PROOFS: [u64; KINDS] = [0; KINDS];

/// Where in a lock of each kind lockdep's map is: see [`Offsets::dep_maps`].
#[unsafe(no_mangle)]
static DEP_MAPS: [u64; KINDS] = [0; KINDS];

/// Not 0 on a kernel with lockdep.
#[unsafe(no_mangle)]
static LOCKDEP: Global<u32> = Global::new(0);

/// Which tasks and locks are traced.
#[unsafe(no_mangle)]
pub static SCOPE: Scope = Scope {
    pid: 0,
    netns: 0,
    comm: [0; 2],
    skip_mmap_lock: 0,
    leaves_out: 0,
    objects: 0,
    hold_times: 0,
};

/// Not 0 when only some tasks are traced.
#[unsafe(no_mangle)]
static NARROWED: Global<u32> = Global::new(0);

/// Process id of the tracer, which is not traced.
#[unsafe(no_mangle)]
static TRACER: Global<u32> = Global::new(0);

macro_rules! offset {
    ($field:ident) => {
        $crate::setting::offset_of(core::mem::offset_of!(tracer_common::offset::Offsets, $field))
    };
}
pub(crate) use offset;

/// One setting of what is traced: what is not asked for costs a look at a constant, and the verifier takes out the rest.
macro_rules! scope {
    ($field:ident) => {
        // SAFETY: a static; volatile, because user space changes the value after compilation.
        unsafe { core::ptr::read_volatile(&raw const $crate::setting::SCOPE.$field) }
    };
}
pub(crate) use scope;

/// The offset that stands at a place of the table.
#[inline(always)]
pub fn offset_of(place: usize) -> i64 {
    // SAFETY: `place` comes from `offset_of!` on the same type; volatile, because user space changes the value after compilation.
    unsafe { core::ptr::read_volatile((&raw const OFFSETS).byte_add(place).cast::<i64>()) }
}

/// Address of a probe's function.
#[inline(always)]
pub fn function(probe: ProbeIndex) -> u64 {
    address(probe as usize)
}

/// Where in a lock of this kind the words begin that tell who has it.
#[inline(always)]
pub fn proof_offset(kind: u64) -> u64 {
    // SAFETY: the mask keeps it within the table; volatile as above.
    unsafe { core::ptr::read_volatile((&raw const PROOFS).cast::<u64>().add(kind as usize & (KINDS - 1))) }
}

/// Where in a lock of this kind lockdep's map is; 0 when it has none.
#[inline(always)]
pub fn dep_map_offset(kind: u64) -> u64 {
    // SAFETY: the mask keeps it within the table; volatile as above.
    unsafe { core::ptr::read_volatile((&raw const DEP_MAPS).cast::<u64>().add(kind as usize & (KINDS - 1))) }
}

/// Whether the kernel has lockdep. A constant for the verifier: what is behind it costs nothing on others.
#[inline(always)]
pub fn has_lockdep() -> bool {
    LOCKDEP.load() != 0
}

/// Whether only some tasks are traced. A constant for the verifier.
#[inline(always)]
pub fn is_narrowed() -> bool {
    NARROWED.load() != 0
}

/// Whether the current task is the tracer.
#[inline(always)]
pub fn is_tracer(tgid: u32) -> bool {
    tgid == TRACER.load()
}

/// Whether a kobject of this type is that of a `struct device`.
#[inline(always)]
pub fn is_device_type(ktype: u64) -> bool {
    ktype != 0 && ktype == address(MAX_PROBES)
}

#[inline(always)]
fn address(place: usize) -> u64 {
    // SAFETY: every probe has a place in the table; volatile as above.
    unsafe { core::ptr::read_volatile((&raw const ADDRESSES).cast::<u64>().add(place)) }
}
