//! A function hooked by `kprobe` or `kretprobe`: the context is the registers.
//!
//! At a return they tell nothing of the call any more. So a lock function with an exit program gets one more, [`entered`], at its entry: that notes the call in the
//! task's held stack, where the exit program finds it by the place of its return address.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext,
    bindings::pt_regs,
    macros::kprobe,
    programs::{ProbeContext, RetProbeContext},
};
use tracer_common::{counter::Counter, probe::ProbeIndex, wire::STACK_DEPTH};

use super::{Call, Returned, registers, walk};
use crate::{
    count::{count, count_at},
    held::Held,
    kernel::read,
    setting::function,
    slots::masked,
    task::is_traced,
    tasks,
};

/// A function is called.
pub type Entry = ProbeContext;

/// Makes the program of a hook.
macro_rules! hook {
    (entry $program:ident, $action:path, $($argument:tt)*) => {
        crate::program::program!("kprobe/", $program(context) {
            $action(&aya_ebpf::programs::ProbeContext::new(context), ProbeIndex::$program, $($argument)*)
        });
    };
    (exit $program:ident, $action:path, $($argument:tt)*) => {
        crate::program::program!("kretprobe/", $program(context) {
            let context = aya_ebpf::programs::RetProbeContext::new(context);
            if let Some(exit) = crate::call::hooked::Exit::of(&context, ProbeIndex::$program) {
                $action(&exit, ProbeIndex::$program, $($argument)*);
            }
        });
    };
    (return $program:ident, $action:path, $($argument:tt)*) => {
        crate::program::program!("kretprobe/", $program(context) {
            $action(&aya_ebpf::programs::RetProbeContext::new(context), ProbeIndex::$program, $($argument)*)
        });
    };
}
pub(crate) use hook;

/// A function that returns, and the call of it that was noted.
pub struct Exit {
    regs: *mut pt_regs,
    noted: Noted,
}

impl Exit {
    /// The call that returns here; none when it was not noted, which is counted.
    #[inline(always)]
    pub fn of(context: &RetProbeContext, probe: ProbeIndex) -> Option<Self> {
        let held = tasks::known()?;
        // The return address is taken off by then.
        let place = registers::stack_pointer(context.regs).wrapping_sub(size_of::<u64>() as u64);
        // SAFETY: a value of the map of tasks, which only its own task changes.
        let noted = unsafe { &mut *held }.take(place, function(probe));
        let Some(noted) = noted else {
            count_at(Counter::CallHalfSeen, probe);
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
    fn first(&self) -> u64 {
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

    /// The function is no longer in the stack: it is put in front. Before 5.16 its caller is not there either (`kretprobe_trampoline` is, and nothing behind it).
    #[inline(always)]
    unsafe fn stack(&self, to: *mut u64, probe: ProbeIndex) -> i64 {
        // SAFETY: the caller's.
        unsafe {
            *to = function(probe);
            let walked = walk::<{ STACK_DEPTH - 1 }>(self.as_ptr(), to.add(1));
            if walked < 0 {
                return walked;
            }
            *to.add(1) = self.noted.caller;
            walked + size_of::<u64>() as i64
        }
    }
}

impl Returned for Exit {
    #[inline(always)]
    fn result(&self, _probe: ProbeIndex) -> u64 {
        registers::result(self.regs)
    }
}

impl Returned for RetProbeContext {
    #[inline(always)]
    fn result(&self, _probe: ProbeIndex) -> u64 {
        registers::result(self.regs)
    }
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

/// Calls that can be noted at a time. None of these functions calls another, except through an interrupt.
pub const CALLS: usize = 4;

/// A probe is at most this far into its function: behind an `endbr64`, and the instruction pointer behind a breakpoint.
const ENTRY_BYTES: u64 = 16;

impl Held {
    #[inline(always)]
    fn note(&mut self, noted: Noted) {
        // A free place, or that of a call which did not come to its exit program: it had the same return address, or all are taken.
        let mut found = CALLS as u64 - 1;
        for (index, other) in self.calls.iter().enumerate() {
            if other.place == 0 {
                found = index as u64;
            }
        }
        for (index, other) in self.calls.iter().enumerate() {
            if other.place == noted.place {
                found = index as u64;
            }
        }
        // Found here or there: the verifier follows one path from here on.
        let found = self.launder(found);
        let call = self.call(found);
        if call.place != 0 {
            count(Counter::CallHalfSeen);
        }
        *call = noted;
    }

    #[inline(always)]
    fn take(&mut self, place: u64, function: u64) -> Option<Noted> {
        let mut found = CALLS as u64;
        for (index, noted) in self.calls.iter().enumerate() {
            if noted.place == place && noted.entry.wrapping_sub(function) <= ENTRY_BYTES {
                found = index as u64;
            }
        }
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
        unsafe { self.calls.get_unchecked_mut(index) }
    }
}

/// A lock function is called that has an exit program: notes the call. Also for a task that is not traced, when it may hold something: a release is always taken in.
#[kprobe]
fn entered(context: ProbeContext) -> u32 {
    let held = if is_traced() {
        tasks::held_or(|| count(Counter::TasksFull))
    } else {
        tasks::known()
    };
    let Some(held) = held else { return 0 };
    let place = context.depth();
    let noted = Noted {
        place,
        entry: registers::instruction(context.regs),
        caller: read(place, 0).unwrap_or(0),
        arguments: [context.argument(0), context.argument(1)],
    };
    // SAFETY: a value of the map of tasks, which only its own task changes.
    unsafe { &mut *held }.note(noted);
    0
}
