//! One eBPF program per row of the table of probes.

use aya_ebpf::{
    macros::{btf_tracepoint, fentry, fexit},
    programs::{BtfTracePointContext, FEntryContext, FExitContext},
};
use tracer_common::{
    probe::ProbeIndex,
    probes,
    wire::info::{MUTEX, RWSEM, SHARED},
};

use crate::{chain, devlink, module, notifier, task};

macro_rules! program {
    (request $program:ident $($info:tt)*) => { program!(entry $program, chain::request, $($info)*); };
    (release $program:ident $($info:tt)*) => { program!(entry $program, chain::release, $($info)*); };
    (downgrade $program:ident $($info:tt)*) => { program!(entry $program, chain::downgrade, $($info)*); };
    (failed $program:ident $($info:tt)*) => { program!(exit $program, chain::failed, $($info)*); };
    (trylock $program:ident $($info:tt)*) => { program!(exit $program, chain::trylock, $($info)*); };
    (notifier $program:ident $($argument:tt)*) => { program!(entry $program, notifier::notifier, $($argument)*); };
    (devlink $program:ident) => { program!(entry $program, devlink::devlink,); };
    (module $program:ident) => { program!(entry $program, module::module,); };
    (devlink_free $program:ident) => { program!(entry $program, devlink::devlink_free,); };
    (window_begin $program:ident) => { program!(entry $program, devlink::window_begin,); };
    (window_end $program:ident) => { program!(exit $program, devlink::window_end,); };
    (task_free $program:ident) => {
        #[btf_tracepoint]
        fn $program(context: BtfTracePointContext) -> i32 {
            task::free(&context);
            0
        }
    };
    (entry $program:ident, $action:path, $($argument:tt)*) => {
        #[fentry]
        fn $program(context: FEntryContext) -> i32 {
            $action(&context, ProbeIndex::$program, $($argument)*);
            0
        }
    };
    (exit $program:ident, $action:path, $($argument:tt)*) => {
        #[fexit]
        fn $program(context: FExitContext) -> i32 {
            $action(&context, ProbeIndex::$program, $($argument)*);
            0
        }
    };
}

macro_rules! programs {
    ($($action:ident $program:ident = $hook:ident $function:literal $purpose:ident ($($argument:tt)*);)+) => {
        $(program!($action $program $($argument)*);)+
    };
}

probes!(programs);
