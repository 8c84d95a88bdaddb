//! Tasks that are looked at: user space has all of them looked at a few times a second (`kernel/bpf/task_iter.c`, 5.8+).

use core::ffi::c_void;

use aya_ebpf::{EbpfContext, helpers::generated::bpf_get_task_stack};
use tracer_common::{
    probe::ProbeIndex,
    wire::{Header, Kind, STACK_DEPTH},
};

use crate::{
    call::Call,
    held::Held,
    kernel::{now, read},
    setting::offset,
};

/// A task that is looked at: not the one that looks.
pub struct Task {
    /// What the verifier knows to be a task.
    pub task: *mut c_void,
    /// The same as a number.
    pub address: u64,
}

impl Task {
    /// Its thread id.
    #[inline(always)]
    pub fn pid(&self) -> u32 {
        read(self.address, offset!(task_pid)).unwrap_or(0)
    }

    /// Walks its stack into `to`, which has room for `DEPTH` addresses; gives the number of bytes, or an error.
    ///
    /// # Safety
    /// `to` is valid for writes.
    #[inline(always)]
    pub unsafe fn walk<const DEPTH: usize>(&self, to: *mut u64) -> i64 {
        // SAFETY: the caller's, and a task by the verifier's word.
        unsafe { bpf_get_task_stack(self.task.cast(), to.cast(), (8 * DEPTH) as u32, 0) as i64 }
    }
}

impl EbpfContext for Task {
    fn as_ptr(&self) -> *mut c_void {
        self.task
    }
}

impl Call for Task {
    #[inline(always)]
    fn task(&self) -> u64 {
        self.address
    }

    #[inline(always)]
    unsafe fn header(&self, header: *mut Header, kind: Kind, probe: ProbeIndex) {
        // SAFETY: the caller's.
        unsafe {
            (*header).kind = kind.0;
            (*header).probe = probe as u32;
            (*header).time_ns = now();
            (*header).task = self.address;
            (*header).pid = self.pid();
            (*header).tgid = read(self.address, offset!(task_tgid)).unwrap_or(0);
            (*header).comm = read(self.address, offset!(task_comm)).unwrap_or_default();
        }
    }

    #[inline(always)]
    fn caller(&self, _held: &mut Held, _probe: ProbeIndex) -> u64 {
        0
    }

    #[inline(always)]
    unsafe fn stack(&self, to: *mut u64, _probe: ProbeIndex) -> i64 {
        // SAFETY: the caller's.
        unsafe { self.walk::<STACK_DEPTH>(to) }
    }
}

/// The task of a look, as the kernel hands it to the program: `context` is a `struct bpf_iter__task`, whose second word it is, or 0 after the last one.
#[inline(always)]
pub fn task(context: *mut c_void) -> *mut c_void {
    // SAFETY: the context of the program.
    unsafe { *context.cast::<*mut c_void>().add(1) }
}
