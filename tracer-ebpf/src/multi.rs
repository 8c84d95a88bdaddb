//! The programs that are hooked to many functions at once: see [`tracer_common::multi`].

use core::ffi::c_void;

use tracer_common::{
    probe::{MAX_PROBES, ProbeIndex},
    probes,
    wire::info::{
        COMPLETION, KERNFS, MUTEX, PERCPU_RWSEM, QUEUE, RT_MUTEX, RWSEM, SEMAPHORE, SHARED, SRCU, THREAD, WORK,
        WW_MUTEX,
    },
};

use crate::{
    call::multi::{Begin, End, one, session},
    chain, devlink, init, kernfs, module,
    notifier::{self, Scope},
    origin,
    slots::masked,
    wait,
};

/// What tells a row from others of its program, in one word.
macro_rules! word {
    (wait $($info:tt)+) => { $($info)+ };
    (waited $($info:tt)+) => { BY_RETURNING };
    (waited_unless $($info:tt)+) => { BY_ZERO };
    (waited_timed $($info:tt)+) => { BY_MORE_THAN_ZERO };
    (enter_file $($info:tt)+) => { FILE };
    (leave_file $($info:tt)+) => { FILE };
    (notifier $scope:path) => { NOTIFIER + $scope as u64 };
    (init $kind:ident, $named:literal) => { INIT + $named as u64 };
    (write_file $is_kiocb:literal) => { WRITE_FILE + $is_kiocb as u64 };
    (devlink) => { DEVLINK };
    (devlink_free) => { DEVLINK_FREE };
    (genetlink) => { GENETLINK };
    (rtnetlink) => { RTNETLINK };
    (module) => { MODULE };
    (module_free) => { MODULE_FREE };
    (request PERCPU_RWSEM) => { REQUEST };
    (wait_read $($info:tt)+) => { WAIT_READ };
    (release PERCPU_RWSEM) => { RELEASE };
    (release RT_MUTEX) => { RELEASE_RT_MUTEX };
    (downgrade $($info:tt)+) => { DOWNGRADE };
    (put_file $($info:tt)+) => { PUT_FILE };
    ($action:ident $($argument:tt)*) => { 0 };
}

macro_rules! words {
    ($($action:ident $program:ident = $hook:ident $function:literal [$($prototype:literal)*] $purpose:ident ($($argument:tt)*) $kernels:ident $release:tt;)+) => {
        /// Those of all rows.
        static WORDS_OF_ROWS: [u64; MAX_PROBES] = {
            let mut words = [0; MAX_PROBES];
            $(words[ProbeIndex::$program as usize] = word!($action $($argument)*);)+
            words
        };
    };
}

probes!(words);

/// How a call tells that what was waited for has come.
const BY_RETURNING: u64 = 0;
const BY_ZERO: u64 = 1;
const BY_MORE_THAN_ZERO: u64 = 2;

/// What is done where a function begins; the first two are followed by what is behind the row.
const NOTIFIER: u64 = 0;
const INIT: u64 = NOTIFIER + 4;
const WRITE_FILE: u64 = INIT + 2;
const DEVLINK: u64 = WRITE_FILE + 2;
const DEVLINK_FREE: u64 = DEVLINK + 1;
const GENETLINK: u64 = DEVLINK + 2;
const RTNETLINK: u64 = DEVLINK + 3;
const MODULE: u64 = DEVLINK + 4;
const MODULE_FREE: u64 = DEVLINK + 5;
const RELEASE_RT_MUTEX: u64 = DEVLINK + 6;
const DOWNGRADE: u64 = DEVLINK + 7;
const PUT_FILE: u64 = DEVLINK + 8;

/// What is done with a percpu_rwsem.
const REQUEST: u64 = 0;
const WAIT_READ: u64 = 1;
const RELEASE: u64 = 2;

/// A file is read or written, in place of a reload of a devlink instance.
const FILE: u64 = 1;

#[inline(always)]
fn word(probe: ProbeIndex) -> u64 {
    let row = masked::<{ MAX_PROBES as u64 - 1 }>(probe as u64) as usize;
    // SAFETY: masked; volatile, so that no table of another form takes its place.
    unsafe { core::ptr::read_volatile((&raw const WORDS_OF_ROWS).cast::<u64>().add(row)) }
}

/// Makes a program.
macro_rules! program {
    ($program:ident: $run:ident($($work:expr),+)) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = concat!("kprobe/", stringify!($program)))]
        fn $program(context: *mut c_void) -> i32 {
            $run(context, $($work),+)
        }
    };
}

/// Makes a program for requests that can fail.
macro_rules! requests {
    ($program:ident: $request:path, $info:expr) => {
        program!($program: session(
            |call, probe| $request(call, probe, $info),
            |call, probe| chain::failed(call, probe, $info)
        ));
    };
}

requests!(mutexes: chain::request, MUTEX);
requests!(rwsems: chain::request, RWSEM | SHARED);
requests!(semaphores: chain::request, SEMAPHORE);
requests!(rt_mutexes: chain::request, RT_MUTEX);
requests!(ww_mutexes: chain::request_ww, WW_MUTEX);
program!(completions: session(|call, probe| wait::wait(call, probe, COMPLETION), waited));
program!(works: session(|call, probe| wait::wait(call, probe, WORK), waited));
program!(flushes: session(|call, probe| wait::flush(call, probe, WORK), waited));
program!(waits: session(|call, probe| wait::wait(call, probe, word(probe)), waited));
program!(calls: session(call_begins, call_ends));
program!(percpu_rwsems: one(percpu_rwsem));
program!(entries: one(entry));

#[inline(always)]
fn waited(call: &End, probe: ProbeIndex) {
    match word(probe) {
        BY_RETURNING => wait::waited(call, probe, 0),
        BY_ZERO => wait::waited_unless(call, probe, 0),
        _ => wait::waited_timed(call, probe, 0),
    }
}

#[inline(always)]
fn call_begins(call: &Begin, probe: ProbeIndex) {
    match word(probe) {
        FILE => kernfs::enter_file(call, probe, 0),
        _ => devlink::window_begin(call, probe),
    }
}

#[inline(always)]
fn call_ends(call: &End, probe: ProbeIndex) {
    match word(probe) {
        FILE => kernfs::leave_file(call, probe, 0),
        _ => devlink::window_end(call, probe),
    }
}

#[inline(always)]
fn percpu_rwsem(call: &Begin, probe: ProbeIndex) {
    match word(probe) {
        REQUEST => chain::request(call, probe, PERCPU_RWSEM),
        WAIT_READ => chain::wait_read(call, probe, PERCPU_RWSEM | SHARED),
        _ => chain::release(call, probe, PERCPU_RWSEM),
    }
}

#[inline(always)]
fn entry(call: &Begin, probe: ProbeIndex) {
    match word(probe) {
        word if word < INIT => notifier::notifier(call, probe, Scope::of(word - NOTIFIER)),
        word if word < WRITE_FILE => init::init(call, probe, 0, word != INIT),
        word if word < DEVLINK => origin::write_file(call, probe, word != WRITE_FILE),
        DEVLINK => devlink::devlink(call, probe),
        DEVLINK_FREE => devlink::devlink_free(call, probe),
        GENETLINK => origin::genetlink(call, probe),
        RTNETLINK => origin::rtnetlink(call, probe),
        MODULE => module::module(call, probe),
        MODULE_FREE => module::module_free(call, probe),
        RELEASE_RT_MUTEX => chain::release(call, probe, RT_MUTEX),
        DOWNGRADE => chain::downgrade(call, probe, RWSEM),
        PUT_FILE => kernfs::put_file(call, probe, 0),
        _ => {}
    }
}
