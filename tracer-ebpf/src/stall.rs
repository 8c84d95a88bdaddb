//! Tasks that do not get on: who waits for whom right now, on any kernel and without a probe where they wait.
//!
//! All tasks are looked at. One that holds or requests locks and sleeps where it slept at the look before is told, once, with all that it holds and its stack: every
//! task of a deadlock is one of these. So is it when it is elsewhere, or gone.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel,
    macros::map,
    maps::{HashMap, PerCpuArray},
};
use tracer_common::{
    counter::Counter,
    probe::ProbeIndex,
    wire::{Kind, Moved, Stalled},
};

use crate::{
    count::count_at,
    held::{Held, mix},
    kernel::{now, read},
    looked::{self, Task},
    ring::send,
    setting::offset,
    situation::{object_name, send_with_held},
    slots::each_slot,
    tasks,
};

/// What was told of a task.
#[repr(C)]
#[derive(Clone, Copy)]
struct Told {
    /// Where it was.
    place: u64,
    /// Its thread id.
    pid: u64,
}

/// Tasks that were told, by the address of their `task_struct`.
#[map]
static TOLD: HashMap<u64, Told> = HashMap::with_max_entries(4096, 0);

/// A copy of what a task holds: the record is put together in it, and the task may wake up meanwhile.
#[map]
static COPY: PerCpuArray<Held> = PerCpuArray::with_max_entries(1, 0);

/// Frames that tell places apart.
const FRAMES: usize = 16;

/// Room for them.
#[map]
static STACK: PerCpuArray<[u64; FRAMES]> = PerCpuArray::with_max_entries(1, 0);

/// Looks at a task.
#[inline(always)]
pub fn look(context: *mut c_void, probe: ProbeIndex) {
    let task = looked::task(context);
    if task.is_null() {
        return;
    }
    let Some(copy) = COPY.get_ptr_mut(0) else { return };
    // SAFETY: a value of the map of this CPU, on which the program stays.
    let address = unsafe { (*copy).launder(task as u64) };
    let Some(known) = tasks::of(address) else { return };
    // SAFETY: `known` is a value of a map, which only changes under way; the copy is this CPU's, on which the program stays.
    let (known, copy) = unsafe {
        if bpf_probe_read_kernel(copy.cast(), size_of::<Held>() as u32, known.cast()) != 0 {
            count_at(Counter::ReadFailed, probe);
            return;
        }
        (&mut *known, &mut *copy)
    };
    let task = Task { task, address };
    let place = place(&task, copy);
    let place = copy.launder(place);
    let told = TOLD
        .get_ptr(address)
        // SAFETY: a value of the map.
        .map(|told| unsafe { *told });
    if let Some(told) = told
        && told.place != place
    {
        moved(address, told.pid, probe);
    }
    if known.looked.place != place {
        known.looked.place = place;
        known.looked.since_ns = now();
        return;
    }
    let told = copy.launder(told.map_or(0, |told| told.place));
    if place == 0 || told == place {
        return;
    }
    // It holds what was copied, or it has woken up meanwhile.
    if known.sum != copy.sum || known.sequence != copy.sequence {
        return;
    }
    copy.busy = 0;
    let wait = copy.wait;
    let since_ns = known.looked.since_ns;
    let told = Told {
        place,
        pid: u64::from(task.pid()),
    };
    if TOLD.insert(address, &told, 0).is_err() {
        count_at(Counter::TasksFull, probe);
        return;
    }
    let sent = send_with_held::<Stalled>(Kind::STALLED, probe, &task, copy, |record| {
        // SAFETY: there is room for exactly this type.
        unsafe {
            (*record).since_ns = since_ns;
            (*record).object = wait.object;
            (*record).info = wait.info;
            (*record).chain = wait.chain;
            object_name(wait.object, wait.info, &raw mut (*record).name);
            &raw mut (*record).situation
        }
    });
    if !sent {
        let _ = TOLD.remove(address);
    }
}

/// Where a task sleeps; 0 when it does not, or holds nothing.
#[inline(always)]
fn place(task: &Task, held: &mut Held) -> u64 {
    if held.is_empty() || read::<u32>(task.address, offset!(task_state)).unwrap_or(0) == 0 {
        return 0;
    }
    let Some(stack) = STACK.get_ptr_mut(0) else { return 0 };
    // SAFETY: as large as the helper is told; what it does not write is left from before, and so is cleared.
    let stack = unsafe {
        (*stack) = [0; FRAMES];
        task.walk::<FRAMES>(stack.cast());
        *stack
    };
    // What it takes and gives back whenever it wakes up, to sleep there again, is no other place; what it waits for each time is.
    let mut taken = if held.wait.object == 0 { 0 } else { held.sequence };
    each_slot(held.top, |place| {
        // SAFETY: `each_slot` gives places within the array.
        let slot = unsafe { held.slots.get_unchecked(place) };
        if slot.lock != 0 {
            taken = mix(taken, slot.info);
        }
        true
    });
    let taken = held.launder(taken);
    stack.into_iter().fold(mix(held.sum, taken), mix).max(1)
}

/// A task is gone.
#[inline(always)]
pub fn free(task: u64, probe: ProbeIndex) {
    if let Some(told) = TOLD.get_ptr(task) {
        // SAFETY: a value of the map.
        moved(task, unsafe { (*told).pid }, probe);
    }
}

/// Tells that a task is elsewhere. When that cannot be told, it is once more at the next look.
#[inline(always)]
fn moved(task: u64, pid: u64, probe: ProbeIndex) {
    let sent = send::<Moved>(Kind::MOVED, probe, |record| {
        // SAFETY: the ring gives a place for exactly this type.
        unsafe {
            (*record).mover = task;
            (*record).pid = pid;
        }
    });
    if sent {
        let _ = TOLD.remove(task);
    }
}
