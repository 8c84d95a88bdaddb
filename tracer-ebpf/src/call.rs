//! The call that a program runs for: its arguments, its return value and where it came from.
//!
//! By default a function is hooked through a BPF trampoline. With the feature `kprobe` by a breakpoint, on kernels without trampolines. A tracepoint is the same
//! in both. From 6.10 on one program can be hooked to many functions: [`multi`].

use core::{arch::asm, ffi::c_void};

use aya_ebpf::{EbpfContext, helpers::generated::bpf_get_stack, programs::BtfTracePointContext};
#[cfg(feature = "kprobe")]
pub use probed as hooked;
use tracer_common::{
    probe::ProbeIndex,
    wire::{Header, Kind, STACK_DEPTH},
};
#[cfg(not(feature = "kprobe"))]
pub use trampoline as hooked;

pub use self::hooked::{Entry, Exit};
use crate::{
    held::Held,
    kernel::read,
    task::{current, fill_header},
};

#[cfg(feature = "newest")]
pub mod multi;
#[cfg(feature = "kprobe")]
pub mod probed;
#[cfg(any(feature = "kprobe", feature = "newest"))]
mod registers;
#[cfg(not(feature = "kprobe"))]
pub mod trampoline;

/// A call of a function, or of a tracepoint.
pub trait Call: EbpfContext {
    /// Argument `index` as a number: the verifier gives pointers types that forbid arithmetic.
    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        read(self.as_ptr() as u64, 8 * index as i64).unwrap_or(0)
    }

    /// The first argument, as [`argument`](Self::argument) has it, without a helper.
    #[inline(always)]
    fn first(&self) -> u64 {
        // SAFETY: every hooked lock function has an argument, and the verifier checks it.
        number(unsafe { core::ptr::read_volatile(self.as_ptr().cast::<*const c_void>()) })
    }

    /// An address in the stack that is the same for every call at the same depth.
    #[inline(always)]
    fn depth(&self) -> u64 {
        number(self.as_ptr())
    }

    /// The task that makes it.
    #[inline(always)]
    fn task(&self) -> u64 {
        current()
    }

    /// Fills the beginning of a record of it.
    ///
    /// # Safety
    /// `header` is valid for writes.
    #[inline(always)]
    unsafe fn header(&self, header: *mut Header, kind: Kind, probe: ProbeIndex) {
        // SAFETY: the caller's.
        unsafe { fill_header(header, kind, probe) };
    }

    /// Return address into the caller, without walking the stack; 0 when it is not found.
    fn caller(&self, held: &mut Held, probe: ProbeIndex) -> u64;

    /// Walks the stack into `to`, which has room for [`STACK_DEPTH`] addresses; gives the number of bytes, or an error.
    ///
    /// # Safety
    /// `to` is valid for writes.
    #[inline(always)]
    unsafe fn stack(&self, to: *mut u64, _probe: ProbeIndex) -> i64 {
        // SAFETY: the caller's.
        unsafe { walk::<STACK_DEPTH>(self.as_ptr(), to) }
    }
}

/// A call of a function that returns.
pub trait Returned {
    /// What the function gives back.
    fn result(&self, probe: ProbeIndex) -> u64;
}

/// A pointer as a number. The verifier has types of pointers that forbid arithmetic, and forgets them where one is negated.
#[inline(always)]
pub fn number(pointer: *const c_void) -> u64 {
    let mut number = pointer as u64;
    // SAFETY: changes only the register.
    unsafe { asm!("{0} = -{0}", "{0} = -{0}", inout(reg) number, options(pure, nomem, nostack)) };
    number
}

/// Walks at most `DEPTH` frames.
///
/// # Safety
/// `to` is valid for writes of as many addresses.
#[inline(always)]
unsafe fn walk<const DEPTH: usize>(context: *mut c_void, to: *mut u64) -> i64 {
    // SAFETY: the caller's.
    unsafe { bpf_get_stack(context, to.cast(), (8 * DEPTH) as u32, 0) as i64 }
}

/// Which argument of the tracepoint `lock_acquire` is the address of the request.
const LOCKDEP_IP: usize = 6;

impl Call for BtfTracePointContext {
    #[inline(always)]
    fn caller(&self, _held: &mut Held, _probe: ProbeIndex) -> u64 {
        self.argument(LOCKDEP_IP)
    }
}
