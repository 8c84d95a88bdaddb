//! A function hooked by `kprobe` or `kretprobe`: the context is the registers.
//!
//! At a return they tell nothing of the call any more. So what has an exit program gets one more, [`entered`], at its entry: that notes the call in the task's
//! held stack, where the exit program finds it by the place of its return address.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    bindings::pt_regs,
    macros::kprobe,
    programs::{ProbeContext, RetProbeContext},
};
use tracer_common::{counter::Counter, probe::ProbeIndex, wire::STACK_DEPTH};

use super::{Call, walk};
use crate::{count::count_at, held::Held, kernel::read, setting::function, slots::masked, task::is_traced, tasks};

/// A function is called.
pub type Entry = ProbeContext;
/// It returns.
pub type Return = RetProbeContext;

/// Makes the program of a hook.
macro_rules! hook {
    (entry $program:ident, $action:path, $($argument:tt)*) => {
        #[aya_ebpf::macros::kprobe]
        fn $program(context: aya_ebpf::programs::ProbeContext) -> u32 {
            $action(&context, ProbeIndex::$program, $($argument)*);
            0
        }
    };
    (exit $program:ident, $action:path, $($argument:tt)*) => {
        #[aya_ebpf::macros::kretprobe]
        fn $program(context: aya_ebpf::programs::RetProbeContext) -> u32 {
            if let Some(exit) = crate::call::hooked::Exit::of(&context, ProbeIndex::$program) {
                $action(&exit, ProbeIndex::$program, $($argument)*);
            }
            0
        }
    };
    (return $program:ident, $action:path, $($argument:tt)*) => {
        #[aya_ebpf::macros::kretprobe]
        fn $program(context: aya_ebpf::programs::RetProbeContext) -> u32 {
            $action(&context, ProbeIndex::$program, $($argument)*);
            0
        }
    };
}
pub(crate) use hook;

impl Call for ProbeContext {
    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        let regs = self.regs;
        // SAFETY: the kernel's registers, which the verifier lets be read.
        unsafe {
            match index {
                0 => register(&raw const (*regs).rdi),
                1 => register(&raw const (*regs).rsi),
                2 => register(&raw const (*regs).rdx),
                3 => register(&raw const (*regs).rcx),
                4 => register(&raw const (*regs).r8),
                _ => register(&raw const (*regs).r9),
            }
        }
    }

    #[inline(always)]
    fn first(&self, _held: &mut Held) -> u64 {
        self.argument(0)
    }

    #[inline(always)]
    fn depth(&self) -> u64 {
        stack_pointer(self.regs)
    }

    /// Nothing of the function has run: the return address is on top of the stack.
    #[inline(always)]
    fn caller(&self, _held: &mut Held, probe: ProbeIndex) -> u64 {
        read(self.depth(), 0).unwrap_or_else(|| {
            count_at(Counter::SiteUnknown, probe);
            0
        })
    }
}

/// A function that returns, and the call of it that was noted.
pub struct Exit {
    regs: *mut pt_regs,
    noted: Noted,
}

impl Exit {
    /// The call that returns here; none when it was not noted, which is counted when it should have been.
    #[inline(always)]
    pub fn of(context: &RetProbeContext, probe: ProbeIndex) -> Option<Self> {
        let held = tasks::known()?;
        // The return address is taken off by then.
        let place = stack_pointer(context.regs).wrapping_sub(size_of::<u64>() as u64);
        // SAFETY: a value of the map of tasks, which only its own task changes.
        let noted = unsafe { &mut *held }.take(place, function(probe));
        let Some(noted) = noted else {
            count_at(Counter::CallUnknown, probe);
            return None;
        };
        Some(Self {
            regs: context.regs,
            noted,
        })
    }
}

impl EbpfContext for Exit {
    fn as_ptr(&self) -> *mut c_void {
        self.regs.cast()
    }
}

impl Call for Exit {
    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        self.noted.arguments[index]
    }

    #[inline(always)]
    fn first(&self, _held: &mut Held) -> u64 {
        self.argument(0)
    }

    #[inline(always)]
    fn depth(&self) -> u64 {
        self.noted.place
    }

    #[inline(always)]
    fn caller(&self, _held: &mut Held, _probe: ProbeIndex) -> u64 {
        self.noted.caller
    }

    /// The function is no longer in the stack, which begins with its caller: it is put in front.
    #[inline(always)]
    unsafe fn stack(&self, to: *mut u64, probe: ProbeIndex) -> i64 {
        // SAFETY: the caller's.
        unsafe {
            *to = function(probe);
            let walked = walk::<{ STACK_DEPTH - 1 }>(self.as_ptr(), to.add(1));
            if walked < 0 {
                walked
            } else {
                walked + size_of::<u64>() as i64
            }
        }
    }
}

/// What the function gives back.
#[inline(always)]
pub fn result<C: EbpfContext>(context: &C, _probe: ProbeIndex) -> u64 {
    let regs = context.as_ptr().cast::<pt_regs>();
    // SAFETY: as in `ProbeContext::argument`.
    unsafe { register(&raw const (*regs).rax) }
}

#[inline(always)]
fn stack_pointer(regs: *mut pt_regs) -> u64 {
    // SAFETY: as in `ProbeContext::argument`.
    unsafe { register(&raw const (*regs).rsp) }
}

/// Reads a register; volatile, because the verifier lets only single words of a context be read.
///
/// # Safety
/// `register` is valid for reads.
#[inline(always)]
unsafe fn register(register: *const u64) -> u64 {
    // SAFETY: the caller's.
    unsafe { core::ptr::read_volatile(register) }
}

/// A call that has not returned yet.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Noted {
    /// Where its return address is.
    place: u64,
    /// An address in the first bytes of the function.
    entry: u64,
    caller: u64,
    arguments: [u64; 2],
}

/// Calls that can be noted at a time. None of these functions calls another, except through an interrupt; one more is `devlink_reload()`, around all.
const CALLS: usize = 4;

/// The calls of a task that have not returned yet.
#[repr(C)]
pub struct Calls {
    noted: [Noted; CALLS],
    next: u64,
}

/// A probe is at most this far into its function: behind an `endbr64`, and the instruction pointer behind a breakpoint.
const ENTRY_BYTES: u64 = 16;

impl Held {
    #[inline(always)]
    fn note(&mut self, noted: Noted) {
        // What has the same place did not come to its exit program.
        for other in &mut self.calls.noted {
            if other.place == noted.place {
                other.place = 0;
            }
        }
        let next = self.calls.next;
        self.calls.next = next.wrapping_add(1);
        *self.call(next) = noted;
    }

    #[inline(always)]
    fn take(&mut self, place: u64, function: u64) -> Option<Noted> {
        let mut found = CALLS as u64;
        for (index, noted) in self.calls.noted.iter().enumerate() {
            if noted.place == place && noted.entry.wrapping_sub(function) <= ENTRY_BYTES {
                found = index as u64;
            }
        }
        // Found here or there: the verifier follows one path from here on.
        let found = self.launder(found);
        if found >= CALLS as u64 {
            return None;
        }
        let call = self.call(found);
        let noted = *call;
        call.place = 0;
        Some(noted)
    }

    #[inline(always)]
    fn call(&mut self, index: u64) -> &mut Noted {
        let index = masked::<{ CALLS as u64 - 1 }>(index) as usize;
        // SAFETY: the mask keeps it within the array.
        unsafe { self.calls.noted.get_unchecked_mut(index) }
    }
}

/// A function is called that has an exit program: notes the call. Also for a task that is not traced, when it may hold something: a release is always taken in.
#[kprobe]
fn entered(context: ProbeContext) -> u32 {
    let held = if is_traced() { tasks::made() } else { tasks::known() };
    let Some(held) = held else { return 0 };
    let place = context.depth();
    let noted = Noted {
        place,
        // SAFETY: as in `ProbeContext::argument`.
        entry: unsafe { register(&raw const (*context.regs).rip) },
        caller: read(place, 0).unwrap_or(0),
        arguments: [context.argument(0), context.argument(1)],
    };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    unsafe { &mut *held }.note(noted);
    0
}
