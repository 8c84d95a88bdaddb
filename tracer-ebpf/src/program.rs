//! One eBPF program per row of the table of probes.

use aya_ebpf::programs::BtfTracePointContext;
use tracer_common::{
    probe::ProbeIndex,
    probes,
    wire::info::{
        COMPLETION, KERNFS, MUTEX, PERCPU_RWSEM, QUEUE, RT_MUTEX, RWSEM, SEMAPHORE, SHARED, SRCU, THREAD, WORK,
        WW_MUTEX,
    },
};

#[cfg(feature = "stand-in")]
use crate::call::hooked::{doubled, one_of};
use crate::{
    call::hooked::hook, chain, contention, devlink, duration, init, kernfs, lockdep, module, notifier, notifier::Scope,
    origin, stall, task, wait, wake, work,
};

/// Where there are no stand-ins, every hook has one program.
#[cfg(not(feature = "stand-in"))]
macro_rules! doubled {
    (shared_end $($program:tt)*) => { hook!(entry $($program)*); };
    ($hook:ident $($program:tt)*) => { hook!($hook $($program)*); };
}

/// Makes a program, in a section of its own: what loads the object goes through a section for each program in it.
macro_rules! program {
    ($section:literal, $program:ident($context:ident) { $($body:tt)* }) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = concat!($section, stringify!($program)))]
        fn $program($context: *mut core::ffi::c_void) -> i32 {
            $($body)*;
            0
        }
    };
}
pub(crate) use program;

macro_rules! row {
    (request $program:ident $($info:tt)*) => { doubled!(entry $program, chain::request, $($info)*); };
    (release $program:ident $kind:ident | SHARED) => { doubled!(shared_end $program, chain::release, $kind | SHARED); };
    (release $program:ident $($info:tt)*) => { doubled!(entry $program, chain::release, $($info)*); };
    (downgrade $program:ident $($info:tt)*) => { hook!(entry $program, chain::downgrade, $($info)*); };
    (failed $program:ident $($info:tt)*) => { hook!(exit $program, chain::failed, $($info)*); };
    (trylock $program:ident $($info:tt)*) => { doubled!(exit $program, chain::trylock, $($info)*); };
    (request_ww $program:ident $($info:tt)*) => { hook!(entry $program, chain::request_ww, $($info)*); };
    (request_only $program:ident $($info:tt)*) => { hook!(entry $program, chain::request_only, $($info)*); };
    (wait_read $program:ident $($info:tt)*) => { hook!(entry $program, chain::wait_read, $($info)*); };
    (trylock_ww $program:ident $($info:tt)*) => { hook!(exit $program, chain::trylock_ww, $($info)*); };
    (down_trylock $program:ident $($info:tt)*) => { hook!(exit $program, chain::down_trylock, $($info)*); };
    (settle $program:ident $($info:tt)*) => { hook!(exit $program, chain::settle, $($info)*); };
    (wait $program:ident $($info:tt)*) => { hook!(entry $program, wait::wait, $($info)*); };
    (flush $program:ident $($info:tt)*) => { hook!(entry $program, wait::flush, $($info)*); };
    (waited $program:ident $($info:tt)*) => { hook!(exit $program, wait::waited, $($info)*); };
    (waited_unless $program:ident $($info:tt)*) => { hook!(exit $program, wait::waited_unless, $($info)*); };
    (waited_timed $program:ident $($info:tt)*) => { hook!(exit $program, wait::waited_timed, $($info)*); };
    (complete $program:ident $($info:tt)*) => { hook!(entry $program, wake::complete, $($info)*); };
    (hold $program:ident $($info:tt)*) => { doubled!(entry $program, wait::hold, $($info)*); };
    (enter_file $program:ident $($info:tt)*) => { hook!(entry $program, kernfs::enter_file, $($info)*); };
    (leave_file $program:ident $($info:tt)*) => { hook!(exit $program, kernfs::leave_file, $($info)*); };
    (use_file $program:ident $($info:tt)*) => { hook!(exit $program, kernfs::use_file, $($info)*); };
    (put_file $program:ident $($info:tt)*) => { hook!(entry $program, kernfs::put_file, $($info)*); };
    (work_begin $program:ident $($info:tt)*) => { row!(tracepoint $program, work::begin); };
    (work_end $program:ident $($info:tt)*) => { row!(tracepoint $program, work::end); };
    (init $program:ident $($argument:tt)*) => { hook!(entry $program, init::init, $($argument)*); };
    (genetlink $program:ident) => { hook!(entry $program, origin::genetlink,); };
    (genl_message $program:ident) => { hook!(entry $program, origin::genl_message,); };
    (rtnetlink $program:ident) => { hook!(entry $program, origin::rtnetlink,); };
    (write_file $program:ident $($argument:tt)*) => { hook!(entry $program, origin::write_file, $($argument)*); };
    (module_free $program:ident) => { hook!(entry $program, module::module_free,); };
    (notifier $program:ident $($argument:tt)*) => { hook!(entry $program, notifier::notifier, $($argument)*); };
    (devlink $program:ident) => { hook!(entry $program, devlink::devlink,); };
    (module $program:ident) => { hook!(entry $program, module::module,); };
    (devlink_free $program:ident) => { hook!(entry $program, devlink::devlink_free,); };
    (window_begin $program:ident) => { hook!(entry $program, devlink::window_begin,); };
    (window_end $program:ident) => { hook!(return $program, devlink::window_end,); };
    (task_free $program:ident) => { row!(tracepoint $program, task::free); };
    (task_begin $program:ident) => { row!(tracepoint $program, task::begin); };
    (contention_begin $program:ident) => { row!(tracepoint $program, contention::begin); };
    (contention_end $program:ident) => { row!(tracepoint $program, contention::end); };
    (contended $program:ident) => { row!(tracepoint $program, duration::contended); };
    (got $program:ident) => { row!(tracepoint $program, duration::got); };
    (lockdep_acquire $program:ident) => { row!(tracepoint $program, lockdep::acquire); };
    (look $program:ident) => { row!(look $program, stall::look); };
    (look_at_waiting $program:ident) => { row!(look $program, contention::look); };
    (look $program:ident, $action:path) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "iter/task")]
        fn $program(context: *mut core::ffi::c_void) -> i32 {
            $action(context, ProbeIndex::$program);
            0
        }
    };
    (lockdep_release $program:ident) => { row!(tracepoint $program, lockdep::release); };
    (tracepoint $program:ident, $action:path) => {
        program!("tp_btf/", $program(context) {
            $action(&BtfTracePointContext::new(context), ProbeIndex::$program)
        });
    };
}

macro_rules! programs {
    ($($action:ident $program:ident = $hook:ident $function:literal [$($prototype:literal)*] $purpose:ident ($($argument:tt)*) $kernels:ident $release:tt;)+) => {
        $(row!($action $program $($argument)*);)+
    };
}

probes!(programs);
