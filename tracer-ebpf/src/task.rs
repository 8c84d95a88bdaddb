//! The current task: whether it is traced, and what it is called.

use aya_ebpf::{
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{self, bpf_get_current_task},
    },
    programs::BtfTracePointContext,
};
use tracer_common::{
    probe::ProbeIndex,
    wire::{COMM_LEN, Header, Kind},
};

use crate::{
    call::Call,
    contention,
    devlink::netns,
    kernel::{now, peek},
    setting::{is_tracer, offset, setting},
    stall, tasks,
};
#[cfg(feature = "newest")]
use crate::{cast, stack};

/// `THREAD_SIZE` on x86-64 without KASAN.
pub const THREAD_SIZE: i64 = 16 << 10;

/// Whether the current task is the tracer's own.
#[inline(always)]
pub fn is_own() -> bool {
    is_tracer((bpf_get_current_pid_tgid() >> 32) as u32)
}

/// Whether the current task is traced: not the tracer itself, and none that the user has left out.
///
/// What is not asked for costs nothing: the verifier knows the settings, and takes out what they rule out.
#[inline(always)]
pub fn is_traced() -> bool {
    let process = (bpf_get_current_pid_tgid() >> 32) as u32;
    let (pid, netns, comm) = (setting!(scope.pid), setting!(scope.netns), setting!(scope.comm.first));
    if is_tracer(process) || pid != 0 && pid != u64::from(process) {
        return false;
    }
    if comm != 0 {
        let mut own = [0_u64; 2];
        // SAFETY: as many bytes, of which any are valid.
        unsafe { generated::bpf_get_current_comm(own.as_mut_ptr().cast(), COMM_LEN as u32) };
        if own[0] != comm || own[1] != setting!(scope.comm.second) {
            return false;
        }
    }
    netns == 0 || netns == u64::from(current_netns())
}

/// Inode number of the current task's network namespace; 0 when it has none any more.
#[inline(always)]
fn current_netns() -> u32 {
    peek(current(), offset!(task_nsproxy))
        .and_then(|proxy| peek(proxy, offset!(nsproxy_net)))
        .map_or(0, netns)
}

/// Whether a rwsem is the `mmap_lock` of the process of the [`current`] task.
#[inline(always)]
pub fn is_own_mmap_lock(lock: u64, current: u64) -> bool {
    let mmap_lock = offset!(mm_mmap_lock);
    mmap_lock >= 0 && mm_of(current).is_some_and(|mm| lock.wrapping_sub(mmap_lock as u64) == mm)
}

/// Address of a task's `struct mm_struct`; 0 for a thread of the kernel.
#[cfg(feature = "newest")]
#[inline(always)]
fn mm_of(task: u64) -> Option<u64> {
    let member = offset!(task_mm);
    if member >= 0 && cast::is_there() {
        return Some(cast::word(task.wrapping_add(member as u64)));
    }
    peek(task, member)
}

/// As above, where there are no casts.
#[cfg(not(feature = "newest"))]
#[inline(always)]
fn mm_of(task: u64) -> Option<u64> {
    peek(task, offset!(task_mm))
}

/// Address of the current `task_struct`.
#[inline(always)]
pub fn current() -> u64 {
    // SAFETY: has no preconditions.
    unsafe { bpf_get_current_task() }
}

/// The identity of the tracer's own tasks.
pub const OWN: u64 = 1;

/// Which task this is: the kernel gives the memory of one that is gone to the next, with another thread id.
#[inline(always)]
pub fn identity() -> u64 {
    let ids = bpf_get_current_pid_tgid();
    if is_tracer((ids >> 32) as u32) {
        return OWN;
    }
    current() ^ ids << 32
}

/// A task begins.
#[inline(always)]
pub fn begin(_context: &BtfTracePointContext, _probe: ProbeIndex) {
    #[cfg(feature = "newest")]
    stack::begin(_context, _probe);
}

/// Forgets a task. The kernel reports a `task_struct` here just before it is reused.
#[inline(always)]
pub fn free(context: &BtfTracePointContext, probe: ProbeIndex) {
    // A number: the verifier forbids to reckon with the pointer.
    let task = context.argument(0);
    tasks::free(task);
    contention::free(task);
    stall::free(task, probe);
}

/// Fills the beginning of a record.
///
/// # Safety
/// `header` is valid for writes.
#[inline(always)]
pub unsafe fn fill_header(header: *mut Header, kind: Kind, probe: ProbeIndex) {
    let ids = bpf_get_current_pid_tgid();
    // SAFETY: the caller's.
    unsafe {
        (*header).kind = kind.0;
        (*header).probe = probe as u32;
        (*header).time_ns = now();
        (*header).task = current();
        (*header).pid = ids as u32;
        (*header).tgid = (ids >> 32) as u32;
        // Clears it when there is none.
        generated::bpf_get_current_comm((&raw mut (*header).comm).cast(), COMM_LEN as u32);
    }
}
