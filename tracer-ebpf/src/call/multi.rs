//! A call of one of the functions that a program is hooked to: see [`tracer_common::multi`].
//!
//! The context is the registers, and a cookie tells which function it is. Where a function returns, its arguments are gone: the first of them is in a word that the
//! kernel keeps for the call.

use core::{arch::asm, ffi::c_void};

use aya_ebpf::{EbpfContext, bindings::pt_regs, helpers::generated::bpf_get_attach_cookie, programs::ProbeContext};
use tracer_common::{
    kfunc::{COOKIE, IS_RETURN},
    multi,
    probe::{PROBES, ProbeIndex},
};

use super::{Call, Returned, registers};
use crate::held::Held;

/// A function begins.
pub type Begin = ProbeContext;

/// It returns.
pub struct End {
    regs: *mut pt_regs,
    first: u64,
}

impl EbpfContext for End {
    fn as_ptr(&self) -> *mut c_void {
        self.regs.cast()
    }
}

/// Of the arguments there is only the first, and the caller is not known any more.
impl Call for End {
    #[inline(always)]
    fn argument(&self, _index: usize) -> u64 {
        self.first
    }

    #[inline(always)]
    fn first(&self) -> u64 {
        self.first
    }

    #[inline(always)]
    fn caller(&self, _held: &mut Held, _probe: ProbeIndex) -> u64 {
        0
    }
}

impl Returned for End {
    #[inline(always)]
    fn result(&self, _probe: ProbeIndex) -> u64 {
        registers::result(self.regs)
    }
}

/// Runs `begin` for a function that begins.
#[inline(always)]
pub fn one(context: *mut c_void, begin: impl FnOnce(&Begin, ProbeIndex)) -> i32 {
    if let Some(probe) = probe(multi::entry(cookie(context))) {
        begin(&Begin::new(context), probe);
    }
    0
}

/// Runs `begin` for a function that begins, and `end` when that call of it returns. What is given back tells the kernel whether it has to come back for that.
#[inline(always)]
pub fn session(
    context: *mut c_void,
    begin: impl FnOnce(&Begin, ProbeIndex),
    end: impl FnOnce(&End, ProbeIndex),
) -> i32 {
    let regs = context.cast();
    let cookie = cookie(context);
    let kept = ask::<{ COOKIE.placeholder }>(context) as *mut u64;
    if ask::<{ IS_RETURN.placeholder }>(context) as u8 == 0 {
        // SAFETY: a word of the kernel's for this call.
        unsafe { core::ptr::write_volatile(kept, registers::first(regs)) };
        if let Some(probe) = probe(multi::entry(cookie)) {
            begin(&Begin::new(context), probe);
        }
        // Asked for again: the verifier follows both sides of what is found out before from there on.
        return i32::from(multi::exit(self::cookie(context)) >= PROBES.len() as u64);
    }
    if let Some(probe) = probe(multi::exit(cookie)) {
        // SAFETY: as above.
        let first = unsafe { core::ptr::read_volatile(kept) };
        end(&End { regs, first }, probe);
    }
    0
}

/// Which functions it is about: what user space gave for this one.
#[inline(always)]
fn cookie(context: *mut c_void) -> u64 {
    // SAFETY: the context of a program.
    unsafe { bpf_get_attach_cookie(context) }
}

/// The probe of this number.
#[inline(always)]
fn probe(number: u64) -> Option<ProbeIndex> {
    // SAFETY: the numbers of probes are those below that, without gaps.
    (number < PROBES.len() as u64).then(|| unsafe { core::mem::transmute::<u32, ProbeIndex>(number as u32) })
}

/// Calls a kfunc with the context.
#[inline(always)]
fn ask<const PLACEHOLDER: u64>(context: *mut c_void) -> u64 {
    let answer: u64;
    // SAFETY: user space puts a call of the function in this place; like any call it leaves r6 to r9 alone.
    unsafe {
        asm!(
            ".8byte {call}",
            call = const PLACEHOLDER,
            inlateout("r1") context => _,
            lateout("r0") answer,
            lateout("r2") _,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
    answer
}
