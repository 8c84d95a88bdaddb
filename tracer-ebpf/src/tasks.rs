//! Where the held stack of each task is kept.
//!
//! With the feature `task-storage` in the task itself (`BPF_MAP_TYPE_TASK_STORAGE`): found without a search, made when a task takes its first lock, and
//! gone with the task. From 6.2 on a look-up there cannot fail because another one is under way on that CPU (`bpf_task_storage_get_recur()` in
//! kernel/bpf/bpf_task_storage.c). For older kernels there is a map by the address of the task.

use core::ffi::c_void;

#[cfg(not(feature = "task-storage"))]
use hashed as kept;
#[cfg(feature = "task-storage")]
use stored as kept;
use tracer_common::{counter::Counter, probe::ProbeIndex};

use crate::{
    count::count_at,
    held::Held,
    setting::is_narrowed,
    task::{OWN, identity, is_traced, pointer},
};

/// The current task's held stack, if it has one.
#[inline(always)]
pub fn known() -> Option<*mut Held> {
    kept::of(pointer())
}

/// The current task's held stack, made when it has none.
#[inline(always)]
pub fn held(probe: ProbeIndex) -> Option<*mut Held> {
    held_or(|| count_at(Counter::TasksFull, probe))
}

/// The current task's held stack, if the task is traced.
#[inline(always)]
pub fn traced(probe: ProbeIndex) -> Option<&'static mut Held> {
    traced_of(pointer(), probe)
}

/// As [`traced`], for who has [`pointer`] to the current task at hand.
#[inline(always)]
pub fn traced_of(current: *mut c_void, probe: ProbeIndex) -> Option<&'static mut Held> {
    if is_narrowed() && !is_traced() {
        return None;
    }
    let held = made(kept::of_or_make(current), || count_at(Counter::TasksFull, probe))?;
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    (held.task != OWN).then_some(held)
}

/// As [`held`]; what counts that there is no room for it is up to the caller.
#[inline(always)]
pub fn held_or(full: impl FnOnce()) -> Option<*mut Held> {
    made(kept::of_or_make(pointer()), full)
}

#[inline(always)]
fn made(held: Option<*mut Held>, full: impl FnOnce()) -> Option<*mut Held> {
    let Some(held) = held else {
        full();
        return None;
    };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let task = unsafe { &mut (*held).task };
    if *task == 0 {
        *task = identity();
    }
    Some(held)
}

/// The held stack of any task, if it has one. `task` is a pointer that the verifier knows to be one.
#[inline(always)]
pub fn of(task: *mut c_void) -> Option<*mut Held> {
    kept::of(task)
}

/// A task is gone.
#[inline(always)]
pub fn free(task: u64) {
    kept::free(task);
}

#[cfg(feature = "task-storage")]
mod stored {
    use core::{ffi::c_void, ptr};

    use aya_ebpf::{
        bindings::{BPF_F_NO_PREALLOC, BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE},
        helpers::generated::bpf_task_storage_get,
    };

    use crate::held::Held;

    /// A map definition as libbpf reads it from BTF: numbers are lengths of arrays.
    #[repr(C)]
    pub struct TaskStorage {
        r#type: *const [i32; BPF_MAP_TYPE_TASK_STORAGE as usize],
        key: *const i32,
        value: *const Held,
        map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
    }

    // SAFETY: there is nothing in it, the pointers stand for types.
    unsafe impl Sync for TaskStorage {}

    /// Held stack of each task.
    #[unsafe(link_section = ".maps")]
    #[unsafe(export_name = "TASKS")]
    static TASKS: TaskStorage = TaskStorage {
        r#type: ptr::null(),
        key: ptr::null(),
        value: ptr::null(),
        map_flags: ptr::null(),
    };

    #[inline(always)]
    pub fn of_or_make(task: *mut c_void) -> Option<*mut Held> {
        storage(task, u64::from(BPF_LOCAL_STORAGE_GET_F_CREATE))
    }

    #[inline(always)]
    pub fn of(task: *mut c_void) -> Option<*mut Held> {
        storage(task, 0)
    }

    #[inline(always)]
    fn storage(task: *mut c_void, flags: u64) -> Option<*mut Held> {
        // SAFETY: the map, and a task by the verifier's word; a new value is all zeroes.
        let held = unsafe {
            bpf_task_storage_get(
                (&raw const TASKS).cast_mut().cast(),
                task.cast(),
                ptr::null_mut(),
                flags,
            )
        };
        (!held.is_null()).then_some(held.cast())
    }

    #[inline(always)]
    pub fn free(_task: u64) {}
}

#[cfg(not(feature = "task-storage"))]
mod hashed {
    use core::ffi::c_void;

    use aya_ebpf::{
        bindings::BPF_NOEXIST,
        macros::map,
        maps::{Array, HashMap},
    };

    use crate::held::Held;

    /// Held stack of each task, by the address of its `task_struct`.
    #[map]
    static TASKS: HashMap<u64, Held> = HashMap::with_max_entries(8192, 0);

    /// A held stack with nothing in it, to make new ones of: it is larger than a program's stack.
    #[map]
    static EMPTY: Array<Held> = Array::with_max_entries(1, 0);

    #[inline(always)]
    pub fn of(task: *mut c_void) -> Option<*mut Held> {
        TASKS.get_ptr_mut(task as u64)
    }

    #[inline(always)]
    pub fn of_or_make(task: *mut c_void) -> Option<*mut Held> {
        let task = task as u64;
        if let Some(held) = TASKS.get_ptr_mut(task) {
            return Some(held);
        }
        // Without room there is nothing to be found afterwards.
        let _ = TASKS.insert(task, EMPTY.get(0)?, u64::from(BPF_NOEXIST));
        TASKS.get_ptr_mut(task)
    }

    #[inline(always)]
    pub fn free(task: u64) {
        // A task that never took a lock has no entry.
        let _ = TASKS.remove(task);
    }
}
