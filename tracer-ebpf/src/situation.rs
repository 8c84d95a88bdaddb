//! What a task holds and where it is, for a record: the cold path, where a stack walk is allowed.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_stack, bpf_probe_read_kernel};
use tracer_common::wire::{HELD_SLOTS, Proof, STACK_DEPTH, Situation, Slot, info};

use crate::{
    held::{Held, for_each_slot},
    kernel::read,
    setting::offset,
    task::work,
};

/// Fills a situation with the task's held stack.
///
/// # Safety
/// `situation` is valid for writes, `context` is the program's, `held` a value of the map of tasks.
#[inline(always)]
pub unsafe fn fill(situation: *mut Situation, context: *mut c_void, held: *mut Held) {
    // SAFETY: the caller's; the helpers get the sizes of the fields that they write.
    unsafe {
        (*situation).window = (*held).window;
        (*situation).work = work(&raw mut (*situation).desc);
        bpf_probe_read_kernel(
            (&raw mut (*situation).held).cast(),
            size_of::<[Slot; HELD_SLOTS]>() as u32,
            (&raw const (*held).slots).cast(),
        );
        let top = (*held).top;
        for_each_slot!(INDEX, {
            if INDEX as u64 >= top {
                break;
            }
            // A free slot's lock is 0: that is not readable, and the helper then writes zeroes.
            bpf_probe_read_kernel(
                (&raw mut (*situation).proof[INDEX]).cast(),
                size_of::<Proof>() as u32,
                (*held).slots[INDEX].lock as *const c_void,
            );
        });
        (*situation).stack_bytes = bpf_get_stack(
            context,
            (&raw mut (*situation).stack).cast(),
            (8 * STACK_DEPTH) as u32,
            0,
        ) as i64;
    }
}

/// Address of the task that has the lock exclusively, without the flag bits; 0 when it cannot be told.
#[inline(always)]
pub fn owner(lock: u64, info: u64) -> u64 {
    let word: Option<u64> = if info & info::RWSEM != 0 {
        read(lock, offset!(rwsem_owner))
    } else {
        read(lock, offset!(mutex_owner))
    };
    word.unwrap_or(0) & !7
}
