//! Empty programs where the tracer has its busiest: what no tracer on fentry can cost less than (`cargo xtask bench hot-path`).
#![no_std]
#![no_main]

use aya_ebpf::{macros::fentry, programs::FEntryContext};

#[fentry(function = "mutex_lock")]
fn mutex_lock(_: FEntryContext) -> i32 {
    0
}

#[fentry(function = "mutex_unlock")]
fn mutex_unlock(_: FEntryContext) -> i32 {
    0
}

#[fentry(function = "down_read")]
fn down_read(_: FEntryContext) -> i32 {
    0
}

#[fentry(function = "up_read")]
fn up_read(_: FEntryContext) -> i32 {
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: there is nothing here that could panic.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
