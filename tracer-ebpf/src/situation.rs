//! What a task holds and where it is, for a record: the cold path, where a stack walk is allowed.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_stack, bpf_probe_read_kernel};
use tracer_common::wire::{HELD_SLOTS, Origin, Proof, STACK_DEPTH, Situation, Slot, info};

use crate::{
    held::{Held, each_slot},
    init::copy_name,
    kernel::read,
    origin::syscall,
    setting::{offset, proof_offset},
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
        (*situation).syscall = syscall();
        bpf_probe_read_kernel(
            (&raw mut (*situation).origin).cast(),
            size_of::<Origin>() as u32,
            (&raw const (*held).origin).cast(),
        );
        bpf_probe_read_kernel(
            (&raw mut (*situation).held).cast(),
            size_of::<[Slot; HELD_SLOTS]>() as u32,
            (&raw const (*held).slots).cast(),
        );
        let top = (*held).top;
        each_slot(top, |place| {
            let slot = (&raw const (*held).slots).cast::<Slot>().add(place);
            let lock = (*slot).lock;
            // A free slot's lock is 0: that is not readable, and the helper then writes zeroes.
            bpf_probe_read_kernel(
                (&raw mut (*situation).proof).cast::<Proof>().add(place).cast(),
                size_of::<Proof>() as u32,
                lock.wrapping_add(proof_offset((*slot).info & info::KIND)) as *const c_void,
            );
            copy_name(
                lock,
                (*slot).info,
                (&raw mut (*situation).names).cast::<u64>().add(place),
            );
            true
        });
        (*situation).stack_bytes = bpf_get_stack(
            context,
            (&raw mut (*situation).stack).cast(),
            (8 * STACK_DEPTH) as u32,
            0,
        ) as i64;
    }
}

/// Whether the lock's owner word says that another task than this one has it exclusively, or none. A kind without one denies nothing.
#[inline(always)]
pub fn denies(lock: u64, info: u64, task: u64) -> bool {
    let offset = match info & info::KIND {
        info::MUTEX | info::WW_MUTEX => offset!(mutex_owner),
        info::RWSEM => offset!(rwsem_owner),
        info::RT_MUTEX => offset!(rt_mutex_owner),
        _ => return false,
    };
    read::<u64>(lock, offset).is_some_and(|word| word & !7 != task)
}
