//! What user space sets before the program is loaded, constants for the verifier; and addresses, before it is hooked.

use core::arch::asm;

use tracer_common::{
    offset::KINDS,
    probe::{MAX_PROBES, ProbeIndex},
};

/// Address of each probe's function, and behind them that of `device_ktype`; 0 when kallsyms did not tell. A map of its own, because that is read while others are made.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data.addresses")]
static ADDRESSES: [u64; MAX_PROBES + 1] = [0; MAX_PROBES + 1];

/// Where in a lock of each kind the words begin that tell who has it: see `Offsets::proofs`. A table, because the verifier follows every branch.
#[unsafe(no_mangle)]
static PROOFS: [u64; KINDS] = [0; KINDS];

/// Where in a lock of each kind lockdep's map is: see `Offsets::dep_maps`.
#[unsafe(no_mangle)]
static DEP_MAPS: [u64; KINDS] = [0; KINDS];

/// One of the [`Settings`](tracer_common::setting::Settings). What is not asked for costs nothing: the verifier knows the number, and takes out what it rules out.
macro_rules! setting {
    ($($field:tt)+) => {
        $crate::setting::load::<{
            tracer_common::setting::placeholder(core::mem::offset_of!(tracer_common::setting::Settings, $($field)+))
        }>()
    };
}
pub(crate) use setting;

/// Where a member of a structure of the kernel's is.
macro_rules! offset {
    ($field:ident) => {
        $crate::setting::setting!(offsets.$field) as i64
    };
}
pub(crate) use offset;

/// The number that user space puts in the place of this one.
#[inline(always)]
pub fn load<const PLACEHOLDER: u64>() -> u64 {
    let number;
    // SAFETY: changes only the register.
    unsafe { asm!("{0} = {1} ll", out(reg) number, const PLACEHOLDER, options(pure, nomem, nostack)) };
    number
}

/// Address of a probe's function.
#[inline(always)]
pub fn function(probe: ProbeIndex) -> u64 {
    address(probe as usize)
}

/// Where in a lock of this kind the words begin that tell who has it.
#[inline(always)]
pub fn proof_offset(kind: u64) -> u64 {
    // SAFETY: the mask keeps it within the table; volatile, because user space changes the value after compilation.
    unsafe { core::ptr::read_volatile((&raw const PROOFS).cast::<u64>().add(kind as usize & (KINDS - 1))) }
}

/// Where in a lock of this kind lockdep's map is; 0 when it has none.
#[inline(always)]
pub fn dep_map_offset(kind: u64) -> u64 {
    // SAFETY: the mask keeps it within the table; volatile as above.
    unsafe { core::ptr::read_volatile((&raw const DEP_MAPS).cast::<u64>().add(kind as usize & (KINDS - 1))) }
}

/// Whether the kernel has lockdep.
#[inline(always)]
pub fn has_lockdep() -> bool {
    setting!(lockdep) != 0
}

/// Whether only some tasks are traced.
#[inline(always)]
pub fn is_narrowed() -> bool {
    setting!(narrowed) != 0
}

/// Whether the current task is the tracer.
#[inline(always)]
pub fn is_tracer(tgid: u32) -> bool {
    u64::from(tgid) == setting!(tracer)
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
