//! The part of tracer that runs in the kernel: held stacks, the chain cache, reload windows and notifier registration.
//!
//! Every lock operation ends here. The path of a known chain is constant work and sends nothing; see `docs/architecture.md`.
//!
//! The verifiers of four kernels have to accept each line (5.10, 6.1, 6.12, 7.2). What they need shows in two habits: the result of a search
//! goes through memory, so that paths merge again; and an index is masked where it is used, out of the optimiser's sight.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod atomic;
mod call;
#[cfg(feature = "newest")]
mod cast;
mod chain;
mod contention;
mod count;
mod devlink;
mod duration;
mod epoch;
mod generation;
mod held;
mod init;
mod kernel;
mod kernfs;
mod left_out;
mod lockdep;
mod looked;
mod module;
#[cfg(feature = "newest")]
mod multi;
mod notifier;
mod origin;
mod path;
mod program;
mod recent;
mod ring;
mod setting;
mod shift;
mod situation;
mod slots;
#[cfg(feature = "newest")]
mod stack;
mod stall;
#[cfg(feature = "stand-in")]
mod stand_in;
mod task;
mod tasks;
mod wait;
mod wake;
mod work;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier accepts no program from which this could be reached.
    unsafe { core::hint::unreachable_unchecked() }
}

/// The helpers that the program uses are for GPL programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
