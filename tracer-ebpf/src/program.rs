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

use crate::{chain, devlink, notifier, task};

macro_rules! program {
    (request $program:ident ($($info:tt)*)) => { program!(entry $program, |context, probe| chain::request(context, probe, $($info)*)); };
    (release $program:ident ($($info:tt)*)) => { program!(entry $program, |context, probe| chain::release(context, probe, $($info)*)); };
    (downgrade $program:ident ($($info:tt)*)) => { program!(entry $program, |context, probe| chain::downgrade(context, probe, $($info)*)); };
    (failed $program:ident ($($info:tt)*)) => { program!(exit $program, |context, probe| chain::failed(context, probe, $($info)*)); };
    (trylock $program:ident ($($info:tt)*)) => { program!(exit $program, |context, probe| chain::trylock(context, probe, $($info)*)); };
    (notifier $program:ident ($index:literal)) => { program!(entry $program, |context, probe| notifier::notifier(context, probe, $index)); };
    (devlink $program:ident ()) => { program!(entry $program, devlink::devlink); };
    (devlink_free $program:ident ()) => { program!(entry $program, devlink::devlink_free); };
    (window_begin $program:ident ()) => { program!(entry $program, devlink::window_begin); };
    (window_end $program:ident ()) => { program!(exit $program, devlink::window_end); };
    (task_free $program:ident ()) => {
        #[btf_tracepoint]
        fn $program(context: BtfTracePointContext) -> i32 {
            task::free(&context);
            0
        }
    };
    (entry $program:ident, $action:expr) => {
        #[fentry]
        fn $program(context: FEntryContext) -> i32 {
            let action: fn(&FEntryContext, ProbeIndex) = $action;
            action(&context, ProbeIndex::$program);
            0
        }
    };
    (exit $program:ident, $action:expr) => {
        #[fexit]
        fn $program(context: FExitContext) -> i32 {
            let action: fn(&FExitContext, ProbeIndex) = $action;
            action(&context, ProbeIndex::$program);
            0
        }
    };
}

macro_rules! programs {
    ($($action:ident $program:ident = $hook:ident $function:literal $purpose:ident ($($argument:tt)*);)+) => {
        $(program!($action $program ($($argument)*));)+
    };
}

probes!(programs);
