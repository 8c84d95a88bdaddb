//! The current task's held stack by the stack that the program runs on: the helper that says who the task is costs as much as 15 loads (docs/benchmarks.md).
//!
//! Each task has a stack of its own. That goes to another task once it is gone, but the kernel tells of each new task before it runs (`copy_process()` in kernel/fork.c ends with
//! `trace_task_newtask()`), and from then on the stack is nobody's until the new task was asked for once. Nothing is kept before the first new task was told of.

use core::ffi::c_void;

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{hash, probe::ProbeIndex};

use crate::{
    call::{Call as _, number},
    held::Held,
    kernel::peek,
    setting::offset,
    task::{THREAD_SIZE, current},
    tasks::at,
};

/// By a hash of the stack: the place of its task's held stack, in which the stack stands. Of two that share a cell one is found here.
static mut PLACES: [u32; 1 << BITS] = [0; 1 << BITS];
const BITS: u32 = 16;

/// Not 0 once a new task was told of.
static mut TELLS: u64 = 0;

/// Lowest address of the stack that a program runs on. Where stacks are larger (KASAN), only their lower half is found to be a task's.
#[inline(always)]
fn base(context: *mut c_void) -> u64 {
    number(context) & !(THREAD_SIZE as u64 - 1)
}

#[inline(always)]
fn cell(stack: u64) -> *mut u32 {
    // SAFETY: a cell of the table.
    unsafe { (&raw mut PLACES).cast::<u32>().add(hash::cell(stack, BITS) as usize) }
}

#[inline(always)]
fn place(cell: *const u32) -> *mut Held {
    // SAFETY: a valid cell; volatile, because other CPUs change it.
    at(u64::from(unsafe { core::ptr::read_volatile(cell) }))
}

/// The held stack of the task whose stack this is, if it is known.
#[inline(always)]
pub fn known(context: *mut c_void) -> Option<*mut Held> {
    let stack = base(context);
    let held = place(cell(stack));
    // SAFETY: a place; volatile as above.
    (unsafe { core::ptr::read_volatile(&raw const (*held).own_stack) } == stack).then_some(held)
}

/// Keeps that this is the held stack of the task on whose stack the program runs, unless that is an interrupt's.
#[inline(always)]
pub fn keep(context: *mut c_void, held: *mut Held) {
    let stack = base(context);
    let cell = cell(stack);
    // SAFETY: a static; volatile as above.
    if unsafe { core::ptr::read_volatile(&raw const TELLS) } == 0 {
        return;
    }
    // SAFETY: a place; volatile as above.
    let other = unsafe { core::ptr::read_volatile(&raw const (*place(cell)).own_stack) };
    if other != 0 && self::cell(other) == cell || peek(current(), offset!(task_stack)) != Some(stack) {
        return;
    }
    // SAFETY: a valid cell, and the current task's held stack.
    unsafe {
        core::ptr::write_volatile(cell, (*held).place as u32);
        core::ptr::write_volatile(&raw mut (*held).own_stack, stack);
    }
}

/// A task is new: `task_newtask(task, clone_flags)`. Its stack may have been another's.
#[inline(always)]
pub fn begin(context: &BtfTracePointContext, _probe: ProbeIndex) {
    let Some(stack) = peek(context.argument(0), offset!(task_stack)) else {
        return;
    };
    let held = place(cell(stack));
    // SAFETY: as above.
    unsafe {
        if core::ptr::read_volatile(&raw const (*held).own_stack) == stack {
            core::ptr::write_volatile(&raw mut (*held).own_stack, 0);
        }
        core::ptr::write_volatile(&raw mut TELLS, 1);
    }
}
