//! Locks that nobody wants to see: skipped in the first instructions.

use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::HashMap};
use tracer_common::{
    generation::{BITS, cell},
    wire::info,
};

use crate::{kernel::read_string, setting::setting, task::is_own_mmap_lock};

/// What the `mmap_lock` of every process is initialised with (`mmap_init_lock()`, `include/linux/mmap_lock.h`), in two words.
const MMAP_LOCK: [u64; 2] = [u64::from_ne_bytes(*b"&mm->mma"), u64::from_ne_bytes(*b"p_lock\0\0")];

/// Locks that user space has found to be left out, by their address. One that finds no room is left out there.
#[map]
static LEFT_OUT: HashMap<u64, u64> = HashMap::with_max_entries(65_536, 0);

/// Not 0 where a lock that falls into this place may be in there: most do not, and need not be searched for.
/// User space writes all of them at once: one that is lost to that is found out there.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.may_be_left_out")]
static mut MAY_BE_LEFT_OUT: [u8; 1 << BITS] = [0; 1 << BITS];

/// Names of locks that are left out, by what they go by.
#[map]
static NAMES_LEFT_OUT: HashMap<u64, u64> = HashMap::with_max_entries(1024, 0);

#[inline(always)]
fn mark(lock: u64) -> *mut u8 {
    // SAFETY: a place of the table.
    unsafe { (&raw mut MAY_BE_LEFT_OUT).cast::<u8>().add(cell(lock) as usize) }
}

/// A name is seen for the first time. That of `mmap_lock` is left out at once: until user space says so, a shell has forked, and the new process's lock is held
/// while every part of its memory is locked.
#[inline(always)]
pub fn meet(name: u64) {
    if setting!(scope.skip_mmap_lock) == 0 {
        return;
    }
    let mut words = [0_u64; 2];
    // SAFETY: as many bytes, of which any are valid.
    read_string(name, unsafe { &mut *(&raw mut words).cast::<[u8; 16]>() });
    if words == MMAP_LOCK {
        // Without room user space leaves them out one by one.
        let _ = NAMES_LEFT_OUT.insert(name, 1, u64::from(BPF_ANY));
    }
}

/// A lock is initialised with a name: it is left out from the start when all of that name are.
#[inline(always)]
pub fn begin(lock: u64, name: u64) {
    // SAFETY: the value is not used.
    if setting!(scope.leaves_out) != 0 && unsafe { NAMES_LEFT_OUT.get(name) }.is_some() {
        // SAFETY: a valid mark.
        unsafe { *mark(lock) = 1 };
        // Without room it is left out once it was told.
        let _ = LEFT_OUT.insert(lock, 1, u64::from(BPF_ANY));
    }
}

/// Whether a lock is left out: by its name, or as the `mmap_lock` of the process of the [`current`](crate::task::current) task.
#[inline(always)]
pub fn is_left_out(lock: u64, info: u64, current: u64) -> bool {
    if setting!(scope.skip_mmap_lock) != 0 && info & info::KIND == info::RWSEM && is_own_mmap_lock(lock, current) {
        return true;
    }
    // SAFETY: a valid mark; volatile, because user space changes it.
    setting!(scope.leaves_out) != 0 && unsafe { core::ptr::read_volatile(mark(lock)) } != 0 && is_in_there(lock)
}

#[inline(never)]
fn is_in_there(lock: u64) -> bool {
    // SAFETY: the value is not used.
    unsafe { LEFT_OUT.get(lock) }.is_some()
}

/// The memory is another lock from here on.
#[inline(always)]
pub fn forget(lock: u64) {
    if setting!(scope.leaves_out) != 0 {
        // Most locks are not in there.
        let _ = LEFT_OUT.remove(lock);
    }
}
