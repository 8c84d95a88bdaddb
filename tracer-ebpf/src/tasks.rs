//! Where the held stack of each task is kept.
//!
//! With the feature `newest` at a place of an array that follows from the task's address, or at one of the next, and found by the stack that it is on (`stack.rs`); without it in a hash map. The
//! kernel's own storage for tasks (`BPF_MAP_TYPE_TASK_STORAGE`) would have room for any number of tasks, but its helper costs more than all else that is done for a lock.

use core::{ffi::c_void, ptr};

use aya_ebpf::EbpfContext;
#[cfg(not(feature = "newest"))]
use hashed as kept;
#[cfg(feature = "newest")]
use placed as kept;
#[cfg(feature = "newest")]
pub use placed::at;
use tracer_common::{counter::Counter, probe::ProbeIndex};

use crate::{
    count::count_at,
    held::Held,
    setting::is_narrowed,
    task::{OWN, current, identity, is_traced},
};

/// The current task's held stack, if it has one.
#[inline(always)]
pub fn known() -> Option<*mut Held> {
    kept::of(current())
}

/// As [`known`], in a program that mostly runs on the task's stack.
#[inline(always)]
pub fn known_here(context: &impl EbpfContext) -> Option<*mut Held> {
    kept::here(context.as_ptr()).or_else(kept::elsewhere)
}

/// The current task's held stack, made when it has none.
#[inline(always)]
pub fn held(probe: ProbeIndex) -> Option<*mut Held> {
    held_or(|| count_at(Counter::TasksFull, probe))
}

/// The current task's held stack, if the task is traced.
#[inline(always)]
pub fn traced(probe: ProbeIndex) -> Option<&'static mut Held> {
    if is_narrowed() && !is_traced() {
        return None;
    }
    not_own(held(probe)?)
}

/// As [`traced`], in a program that mostly runs on the task's stack.
#[inline(always)]
pub fn traced_here(context: &impl EbpfContext, probe: ProbeIndex) -> Option<&'static mut Held> {
    if is_narrowed() && !is_traced() {
        return None;
    }
    let held = kept::here(context.as_ptr());
    // SAFETY: a value of the map of tasks.
    if let Some(held) = held.filter(|held| unsafe { (**held).task } > OWN) {
        // SAFETY: as above, which only its own task changes.
        return Some(unsafe { &mut *held });
    }
    let held = met(context.as_ptr(), probe);
    // SAFETY: as above, or null.
    unsafe { held.as_mut() }
}

/// The current task's held stack, which is found [here](kept::here) from now on; null when the task is not traced.
#[inline(never)]
fn met(context: *mut c_void, probe: ProbeIndex) -> *mut Held {
    let Some(held) = held(probe) else {
        return ptr::null_mut();
    };
    kept::keep(context, held);
    not_own(held).map_or(ptr::null_mut(), ptr::from_mut)
}

#[inline(always)]
fn not_own(held: *mut Held) -> Option<&'static mut Held> {
    // SAFETY: a value of the map of tasks, which only its own task changes.
    let held = unsafe { &mut *held };
    (held.task != OWN).then_some(held)
}

/// Address of the task whose held stack this is, the current one's.
#[inline(always)]
pub fn task_of(held: &Held) -> u64 {
    kept::task(held)
}

/// As [`held`]; what counts that there is no room for it is up to the caller.
#[inline(always)]
pub fn held_or(full: impl FnOnce()) -> Option<*mut Held> {
    made(kept::of_or_make(current()), full)
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

/// The held stack of any task, if it has one.
#[inline(always)]
pub fn of(task: u64) -> Option<*mut Held> {
    kept::of(task)
}

/// A task is gone.
#[inline(always)]
pub fn free(task: u64) {
    kept::free(task);
}

#[cfg(feature = "newest")]
mod placed {
    use core::{arch::asm, ffi::c_void, mem::MaybeUninit, ptr};

    use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
    use tracer_common::hash;

    use crate::{held::Held, setting::setting, slots, stack, task::current};

    /// The places. Whose a place is stands in it. This is the first: user space makes room for as many as it says that there are.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".bss.tasks")]
    static mut TASKS: MaybeUninit<Held> = MaybeUninit::zeroed();

    /// A held stack with nothing in it, for a place that was another task's.
    static mut EMPTY: MaybeUninit<Held> = MaybeUninit::zeroed();

    /// Places that are looked at for a task, from its own on.
    const REACH: u64 = 63;

    /// Nobody's yet: no task is behind it either.
    const UNUSED: u64 = 0;

    /// Of a task that is gone.
    const LEFT: u64 = 1;

    /// The place of a task.
    #[inline(always)]
    fn own(task: u64) -> u64 {
        u64::from(hash::cell(task, 32))
    }

    /// The place of this number, of the lower bits of it.
    #[inline(always)]
    pub fn at(place: u64) -> *mut Held {
        let first: *mut Held;
        // SAFETY: changes only the register. An instruction, because the compiler knows of one place only.
        unsafe { asm!("{0} = {1} ll", out(reg) first, sym TASKS, options(pure, nomem, nostack)) };
        first.wrapping_add((place & setting!(last_place)) as usize)
    }

    #[inline(always)]
    fn owner(held: *mut Held) -> u64 {
        // SAFETY: a value of the map; volatile, because other tasks change it.
        unsafe { ptr::read_volatile(&raw const (*held).owner) }
    }

    #[inline(always)]
    pub fn of(task: u64) -> Option<*mut Held> {
        let own = own(task);
        let held = at(own);
        match owner(held) {
            owner if owner == task => Some(held),
            UNUSED => None,
            _ => search(own, |owner| owner == task).map(at),
        }
    }

    #[inline(always)]
    pub fn of_or_make(task: u64) -> Option<*mut Held> {
        if let Some(held) = of(task) {
            return Some(held);
        }
        let place = search(own(task), |owner| owner <= LEFT)?;
        let held = at(place);
        let before = owner(held);
        // Another task may have been faster: this one is then seen from its next lock on.
        if before > LEFT || !take(held, before, task) {
            return None;
        }
        if before == LEFT {
            let behind = size_of::<u64>();
            // SAFETY: as many bytes of a value of either map.
            unsafe {
                bpf_probe_read_kernel(
                    held.byte_add(behind).cast(),
                    (size_of::<Held>() - behind) as u32,
                    (&raw const EMPTY).byte_add(behind).cast(),
                )
            };
        }
        // SAFETY: the task's own from here on.
        unsafe { (*held).place = place };
        Some(held)
    }

    #[inline(always)]
    pub fn here(context: *mut c_void) -> Option<*mut Held> {
        stack::known(context)
    }

    /// The current task's held stack where it is not found [`here`].
    #[inline(always)]
    pub fn elsewhere() -> Option<*mut Held> {
        let held = searched();
        (!held.is_null()).then_some(held)
    }

    #[inline(never)]
    fn searched() -> *mut Held {
        of(current()).unwrap_or(ptr::null_mut())
    }

    #[inline(always)]
    pub fn keep(context: *mut c_void, held: *mut Held) {
        stack::keep(context, held);
    }

    #[inline(always)]
    pub fn task(held: &Held) -> u64 {
        held.owner
    }

    #[inline(always)]
    pub fn free(task: u64) {
        if let Some(held) = of(task) {
            // SAFETY: as in `owner`.
            unsafe {
                ptr::write_volatile(&raw mut (*held).own_stack, 0);
                ptr::write_volatile(&raw mut (*held).owner, LEFT);
            }
        }
    }

    /// The first place from `own` on whose owner is the right one; behind an unused one there is none.
    #[inline(always)]
    fn search(own: u64, is_right: impl Fn(u64) -> bool) -> Option<u64> {
        let mut found = REACH + 1;
        slots::each::<REACH, _>(REACH, |step| {
            let owner = owner(at(own.wrapping_add(step as u64)));
            if is_right(owner) {
                found = step as u64;
                return false;
            }
            owner != UNUSED
        });
        // SAFETY: a variable; volatile, so that the verifier looks at one path from here on.
        let found = unsafe { ptr::read_volatile(&raw const found) };
        (found <= REACH).then_some(own.wrapping_add(found))
    }

    /// Makes a place a task's; `false` when another was faster.
    #[inline(always)]
    fn take(held: *mut Held, before: u64, task: u64) -> bool {
        let mut found = before;
        // SAFETY: a value of the map; r0 is what is compared with, and what was found.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({owner} + 0, r0, {task})",
                owner = in(reg) &raw mut (*held).owner,
                task = in(reg) task,
                inlateout("r0") found,
                options(nostack),
            );
        }
        found == before
    }
}

#[cfg(not(feature = "newest"))]
mod hashed {
    use core::{ffi::c_void, mem::MaybeUninit};

    use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::HashMap};

    use crate::{held::Held, task::current};

    /// Held stack of each task, by the address of its `task_struct`.
    #[map]
    static TASKS: HashMap<u64, Held> = HashMap::with_max_entries(8192, 0);

    /// A held stack with nothing in it, to make new ones of: it is larger than a program's stack.
    static mut EMPTY: MaybeUninit<Held> = MaybeUninit::zeroed();

    #[inline(always)]
    pub fn of(task: u64) -> Option<*mut Held> {
        TASKS.get_ptr_mut(task)
    }

    #[inline(always)]
    pub fn of_or_make(task: u64) -> Option<*mut Held> {
        if let Some(held) = TASKS.get_ptr_mut(task) {
            return Some(held);
        }
        // Without room there is nothing to be found afterwards.
        // SAFETY: all zeroes are a held stack.
        let empty = unsafe { &*(&raw const EMPTY).cast::<Held>() };
        let _ = TASKS.insert(task, empty, u64::from(BPF_NOEXIST));
        TASKS.get_ptr_mut(task)
    }

    #[inline(always)]
    pub fn here(_context: *mut c_void) -> Option<*mut Held> {
        of(current())
    }

    #[inline(always)]
    pub fn elsewhere() -> Option<*mut Held> {
        None
    }

    #[inline(always)]
    pub fn keep(_context: *mut c_void, _held: *mut Held) {}

    #[inline(always)]
    pub fn task(_held: &Held) -> u64 {
        current()
    }

    #[inline(always)]
    pub fn free(task: u64) {
        // A task that never took a lock has no entry.
        let _ = TASKS.remove(task);
    }
}
