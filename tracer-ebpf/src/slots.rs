//! Going through the slots of a held stack, in the way that costs the verifier least.

use tracer_common::wire::STACK_DEPTH;

use crate::held::HELD_SLOTS;

/// The bits of `value` that are in the mask, in a form that the optimiser cannot take away again: the verifier knows the most that it can be.
#[inline(always)]
pub fn masked<const MASK: u64>(mut value: u64) -> u64 {
    // SAFETY: changes only the register.
    unsafe { core::arch::asm!("{0} &= {1}", inout(reg) value, const MASK, options(pure, nomem, nostack)) };
    value
}

/// An index into the slots.
#[inline(always)]
pub fn bounded(index: u64) -> usize {
    masked::<{ HELD_SLOTS as u64 - 1 }>(index) as usize
}

const _: () = assert!(HELD_SLOTS.is_power_of_two());

/// Runs `visit` for every slot index below `top` until it returns `false`.
#[inline(always)]
pub fn each_slot(top: u64, visit: impl FnMut(usize) -> bool) {
    each::<{ HELD_SLOTS as u64 - 1 }, _>(top, visit);
}

/// Runs `visit` for the index of each of `count` addresses of a stack.
#[inline(always)]
pub fn each_word(count: u64, mut visit: impl FnMut(usize)) {
    each::<{ STACK_DEPTH as u64 }, _>(count, |index| {
        visit(index);
        true
    });
}

const _: () = assert!((STACK_DEPTH + 1).is_power_of_two());

/// Runs `visit` for every index below `count`, which is masked by `MASK`, until it returns `false`.
///
/// The verifier looks once at what `bpf_loop()` calls (5.17+), however often that runs, and turns it into a loop in the program (5.19+).
#[cfg(feature = "loop")]
#[inline(always)]
pub fn each<const MASK: u64, F: FnMut(usize) -> bool>(count: u64, mut visit: F) {
    use aya_ebpf::helpers::generated::bpf_loop;

    extern "C" fn step<const MASK: u64, F: FnMut(usize) -> bool>(index: u64, visit: *mut F) -> i64 {
        // SAFETY: the closure of the caller, which waits.
        i64::from(!unsafe { (*visit)(masked::<MASK>(index) as usize) })
    }
    // SAFETY: the closure outlives the call.
    unsafe {
        bpf_loop(
            masked::<MASK>(count) as u32,
            step::<MASK, F> as *mut _,
            (&raw mut visit).cast(),
            0,
        )
    };
}

/// Runs `visit` for every index below `count` and `MASK` until it returns `false`.
///
/// A loop that the verifiers of older kernels follow: they want to see the counter compared with a constant, and an optimiser that knew the counter
/// would count in pointers instead.
#[cfg(not(feature = "loop"))]
#[inline(always)]
pub fn each<const MASK: u64, F: FnMut(usize) -> bool>(count: u64, mut visit: F) {
    let mut index = 0_u64;
    loop {
        // SAFETY: changes nothing. An instruction, because one line of debug information for each is what the kernel takes.
        unsafe { core::arch::asm!("{0} = {0}", inout(reg) index, options(nomem, nostack)) };
        if index > MASK {
            break;
        }
        let place = masked::<MASK>(index) as usize;
        if place as u64 >= count || !visit(place) {
            break;
        }
        index += 1;
    }
}
