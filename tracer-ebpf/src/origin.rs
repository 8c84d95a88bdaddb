//! Why a task is in the kernel: noted at the entry points, told with the chains that follow from them.
//!
//! Nothing is noted when they return: an origin counts only while the entry point is in the stack, which the record has.

use tracer_common::{
    probe::ProbeIndex,
    wire::{Origin, Syscall},
};

use crate::{
    call::Call,
    kernel::{peek, read, read_string},
    setting::offset,
    task::THREAD_SIZE,
    tasks::traced,
};

/// `struct nlmsghdr`: type of the message (`include/uapi/linux/netlink.h`).
const NLMSG_TYPE: i64 = 4;
/// `struct genlmsghdr` behind it: the command (`include/uapi/linux/genetlink.h`).
const GENL_COMMAND: i64 = 16;

/// A generic netlink message is handled: family, skb, header, ...
#[inline(always)]
pub fn genetlink<C: Call>(context: &C, probe: ProbeIndex) {
    note(probe, |origin| {
        let family = context.argument(0);
        // SAFETY: `note` gives a valid origin.
        unsafe {
            (*origin).number = u32::from(read::<u8>(context.argument(2), GENL_COMMAND).unwrap_or(0));
            if offset!(genl_family_name) >= 0 {
                read_string(
                    family.wrapping_add(offset!(genl_family_name) as u64),
                    &raw mut (*origin).name,
                );
            }
        }
    });
}

/// A generic netlink message comes in: skb, header, ...
#[inline(always)]
pub fn genl_message<C: Call>(context: &C, probe: ProbeIndex) {
    note(probe, |origin| {
        // SAFETY: `note` gives a valid origin.
        unsafe {
            (*origin).number = u32::from(read::<u8>(context.argument(1), GENL_COMMAND).unwrap_or(0));
        }
    });
}

/// An rtnetlink message is handled: skb, header, ...
#[inline(always)]
pub fn rtnetlink<C: Call>(context: &C, probe: ProbeIndex) {
    note(probe, |origin| {
        // SAFETY: `note` gives a valid origin.
        unsafe { (*origin).number = u32::from(read::<u16>(context.argument(1), NLMSG_TYPE).unwrap_or(0)) };
    });
}

/// A file of sysfs or procfs is written: argument 0 is its `struct kiocb`, or the file itself.
#[inline(always)]
pub fn write_file<C: Call>(context: &C, probe: ProbeIndex, is_kiocb: bool) {
    note(probe, |origin| {
        let first = context.argument(0);
        let file = if is_kiocb {
            read(first, offset!(kiocb_file)).unwrap_or(0)
        } else {
            first
        };
        let dentry: u64 = read(file, offset!(file_dentry)).unwrap_or(0);
        let parent: u64 = read(dentry, offset!(dentry_parent)).unwrap_or(0);
        // SAFETY: `note` gives a valid origin.
        unsafe {
            read_string(read(dentry, offset!(dentry_name)).unwrap_or(0), &raw mut (*origin).name);
            read_string(
                read(parent, offset!(dentry_name)).unwrap_or(0),
                &raw mut (*origin).parent,
            );
        }
    });
}

#[inline(always)]
fn note(probe: ProbeIndex, fill: impl FnOnce(*mut Origin)) {
    let Some(held) = traced(probe) else { return };
    let origin = &raw mut held.origin;
    // SAFETY: a field of the task's own held stack.
    unsafe {
        (*origin).probe = probe as u32 + 1;
        (*origin).number = 0;
        (*origin).name[0] = 0;
        (*origin).parent[0] = 0;
        fill(origin);
    }
}

/// `sizeof(struct pt_regs)` and, from its end, the members read (`arch/x86/include/asm/ptrace.h`).
const REGISTERS: i64 = 168;
const ORIG_AX: i64 = 120;
const CODE_SEGMENT: i64 = 136;
const SECOND: i64 = 104;
/// `TOP_OF_KERNEL_STACK_PADDING` with and without CONFIG_X86_FRED.
const PADDINGS: [i64; 2] = [0, 16];
/// `__USER_CS`: whoever came from user space came with it. With FRED the bits above the lower 16 mean other things.
const USER_SEGMENT: u64 = 0x33;

/// The system call that a task is in, from the registers at the end of its kernel stack.
#[inline(always)]
pub fn syscall(task: u64) -> Syscall {
    let none = Syscall {
        number: u64::MAX,
        second: 0,
    };
    let Some(stack) = peek(task, offset!(task_stack)) else {
        return none;
    };
    for padding in PADDINGS {
        let registers = stack.wrapping_add((THREAD_SIZE - REGISTERS - padding) as u64);
        if peek(registers, CODE_SEGMENT).is_some_and(|segment| segment & 0xffff == USER_SEGMENT) {
            return Syscall {
                number: peek(registers, ORIG_AX).unwrap_or(u64::MAX),
                second: peek(registers, SECOND).unwrap_or(0),
            };
        }
    }
    none
}
