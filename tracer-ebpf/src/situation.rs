//! What a task holds and where it is, for a record: the cold path, where a stack walk is allowed.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{DEVICE_LEN, Header, Kind, Origin, Proof, STACK_DEPTH, Situation, Slot, info},
};

use crate::{
    call::Call,
    count::count_at,
    held::Held,
    init::copy_name,
    kernel::{peek, read, read_string},
    origin::syscall,
    ring::output,
    setting::{is_device_type, offset, proof_offset},
    slots::{bounded, each_slot, masked},
    wait, work,
};

/// The bits of a number of bytes of return addresses.
const STACK_MASK: u64 = 1023;

const _: () =
    assert!(8 * STACK_DEPTH as u64 <= STACK_MASK && (STACK_MASK as usize) < 8 * STACK_DEPTH + size_of::<Slot>());

/// Sends a record of `kind` that tells what the task holds: its header, slots and stack are filled here, the rest of its fixed part by `fill`, which gives
/// the place of the situation in it. `false` when the ring is full, or this is in the middle of another record of the task; both are counted.
#[inline(always)]
pub fn send_with_held<T: 'static>(
    kind: Kind,
    probe: ProbeIndex,
    context: &impl Call,
    held: &mut Held,
    fill: impl FnOnce(*mut T) -> *mut Situation,
) -> bool {
    if held.busy != 0 {
        count_at(Counter::Interrupted, probe);
        return false;
    }
    held.busy = 1;
    let top = bounded(held.top);
    let slots = (&raw mut held.slots).cast::<Slot>();
    // SAFETY: there is room for the fixed part of any record in front of the slots, and for a whole stack behind the last used one.
    let sent = unsafe {
        let record = slots.byte_sub(size_of::<T>()).cast::<T>();
        context.header(record.cast::<Header>(), kind, probe);
        let situation = fill(record);
        fill_situation(situation, held, context.task());
        each_slot(top as u64, |place| {
            prove(slots.add(place));
            true
        });
        (*situation).held = top as u64;
        let stack = slots.add(top);
        let walked = context.stack(stack.cast(), probe);
        (*situation).stack_bytes = walked;
        let stack_bytes = masked::<STACK_MASK>(walked.max(0) as u64);
        let bytes = size_of::<T>() + top * size_of::<Slot>();
        output(record.cast(), bytes as u64 + stack_bytes, probe)
    };
    held.busy = 0;
    sent
}

/// # Safety
/// `situation` is valid for writes.
#[inline(always)]
unsafe fn fill_situation(situation: *mut Situation, held: &Held, task: u64) {
    // SAFETY: the caller's; the helper gets the size of the field that it writes.
    unsafe {
        (*situation).window = held.window;
        (*situation).work = work::of(task, &raw mut (*situation).desc);
        (*situation).syscall = syscall(task);
        bpf_probe_read_kernel(
            (&raw mut (*situation).origin).cast(),
            size_of::<Origin>() as u32,
            (&raw const held.origin).cast(),
        );
    }
}

/// Puts into a slot what its lock says of who has it, and what its name goes by.
///
/// # Safety
/// `slot` is valid for reads and writes.
#[inline(always)]
unsafe fn prove(slot: *mut Slot) {
    // SAFETY: the caller's; the helper gets the size of the field that it writes.
    unsafe {
        let (lock, info) = ((*slot).lock, (*slot).info);
        // A free slot's lock is 0: that is not readable, and the helper then writes zeroes.
        bpf_probe_read_kernel(
            (&raw mut (*slot).proof).cast(),
            size_of::<Proof>() as u32,
            lock.wrapping_add(proof_offset(info & info::KIND)) as *const c_void,
        );
        copy_name(lock, info, &raw mut (*slot).name);
    }
}

/// Reads the name of the device that a lock belongs to, or that of a queue, a thread or a kernfs node; any other is empty.
///
/// # Safety
/// `name` is valid for writes.
#[inline(always)]
pub unsafe fn object_name(lock: u64, info: u64, name: *mut [u8; DEVICE_LEN]) {
    // SAFETY: the caller's.
    unsafe { (*name)[0] = 0 };
    let kind = info & info::KIND;
    if kind & info::NO_LOCK != 0 {
        return wait::object_name(lock, kind, name);
    }
    if kind != info::MUTEX || offset!(device_mutex) < 0 {
        return;
    }
    let device = lock.wrapping_sub(offset!(device_mutex) as u64);
    if peek(device, offset!(device_type)).is_some_and(is_device_type) {
        read_string(peek(device, offset!(device_name)).unwrap_or(0), name);
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
