//! A function hooked by `fentry` or `fexit`: the context has its arguments, and behind them the return value.

use aya_ebpf::{
    EbpfContext,
    helpers::bpf_probe_read_kernel,
    programs::{FEntryContext, FExitContext},
};
use tracer_common::{
    counter::Counter,
    probe::{PROBES, ProbeIndex},
};

use super::{Call, Returned, number};
#[cfg(feature = "newest")]
use crate::cast;
use crate::{count::count_at, held::Held, kernel::KERNEL_IMAGE, setting::function, slots::masked};

/// A function is called.
pub type Entry = FEntryContext;
/// It returns; its arguments are known.
pub type Exit = FExitContext;

/// Makes the program of a hook.
macro_rules! hook {
    (entry $program:ident, $action:path, $($argument:tt)*) => {
        crate::program::program!("fentry/", $program(context) {
            $action(&aya_ebpf::programs::FEntryContext::new(context), ProbeIndex::$program, $($argument)*)
        });
    };
    (exit $program:ident, $action:path, $($argument:tt)*) => { hook!(return $program, $action, $($argument)*); };
    (return $program:ident, $action:path, $($argument:tt)*) => {
        crate::program::program!("fexit/", $program(context) {
            $action(&aya_ebpf::programs::FExitContext::new(context), ProbeIndex::$program, $($argument)*)
        });
    };
}
pub(crate) use hook;

/// Makes the program of a hook and its stand-in; where a shared hold ends, two of them.
#[cfg(feature = "stand-in")]
macro_rules! doubled {
    (entry $($program:tt)*) => {
        one_of!(first "fentry/" FEntryContext "", $($program)*);
        one_of!(second "fentry/" FEntryContext "_stand_in", $($program)*);
    };
    (exit $($program:tt)*) => {
        one_of!(first "fexit/" FExitContext "", $($program)*);
        one_of!(second "fexit/" FExitContext "_stand_in", $($program)*);
    };
    (shared_end $($program:tt)*) => {
        doubled!(entry $($program)*);
        one_of!(second "fentry/" FEntryContext "_second_stand_in", $($program)*);
    };
}
#[cfg(feature = "stand-in")]
pub(crate) use doubled;

/// Makes one of the programs of a hook.
#[cfg(feature = "stand-in")]
macro_rules! one_of {
    ($which:ident $section:literal $context:ident $suffix:literal, $program:ident, $action:path, $($argument:tt)*) => {
        const _: () = {
            #[unsafe(export_name = concat!(stringify!($program), $suffix))]
            #[unsafe(link_section = concat!($section, stringify!($program), $suffix))]
            fn program(context: *mut core::ffi::c_void) -> i32 {
                let context = aya_ebpf::programs::$context::new(context);
                crate::stand_in::$which(&context, ProbeIndex::$program, || $action(&context, ProbeIndex::$program, $($argument)*));
                0
            }
        };
    };
}
#[cfg(feature = "stand-in")]
pub(crate) use one_of;

impl Call for FEntryContext {
    #[inline(always)]
    fn caller(&self, held: &mut Held, probe: ProbeIndex) -> u64 {
        caller(self, held, probe)
    }
}

impl Call for FExitContext {
    #[inline(always)]
    fn caller(&self, held: &mut Held, probe: ProbeIndex) -> u64 {
        caller(self, held, probe)
    }
}

impl Returned for FExitContext {
    /// Behind its arguments, which are as many as its prototypes say.
    #[inline(always)]
    fn result(&self, probe: ProbeIndex) -> u64 {
        self.argument(ARGUMENTS[probe as usize])
    }
}

/// How many arguments each function has. A table, because the loop over a long prototype would go into the program.
const ARGUMENTS: [usize; PROBES.len()] = {
    let mut counts = [0; PROBES.len()];
    let mut probe = 0;
    while probe < PROBES.len() {
        counts[probe] = arguments(PROBES[probe].prototypes);
        probe += 1;
    }
    counts
};

const fn arguments(prototypes: &[&str]) -> usize {
    let [prototype, ..] = prototypes else { return 0 };
    let prototype = prototype.as_bytes();
    let (mut commas, mut index) = (0, 0);
    while index < prototype.len() {
        if prototype[index] == b',' {
            commas += 1;
        }
        index += 1;
    }
    commas + 1
}

/// Two words of the trampoline's frame.
#[inline(always)]
fn two_words(held: &mut Held, at: u64) -> [u64; 2] {
    #[cfg(feature = "newest")]
    if cast::is_there() {
        return cast::words(at);
    }
    // SAFETY: the helper checks the address itself.
    let [word, next] = unsafe { bpf_probe_read_kernel(at as *const [u64; 2]) }.unwrap_or_default();
    // Read or not: the verifier follows one path from here on.
    [word, held.launder(next)]
}

/// Words of the trampoline's frame that are looked at: the context is in it, and so is the way back.
const FRAME_WORDS: usize = 16;

/// Return address into the caller of the hooked function, without walking the stack.
///
/// A trampoline keeps its context on the stack (`arch/x86/net/bpf_jit_comp.c`, `arch_prepare_bpf_trampoline()`); above it comes, a few
/// words on, the return address into the hooked function's first instructions, and right above that the one into its caller. How many words
/// depends on kernel and attached programs, so it is looked for, first where the task found it last.
#[inline(always)]
fn caller<C: EbpfContext>(context: &C, held: &mut Held, probe: ProbeIndex) -> u64 {
    let entry = function(probe);
    let is_entry = |word: u64| word.wrapping_sub(entry) <= 16;
    let frame = number(context.as_ptr()).wrapping_add(8);
    let guess = masked::<{ FRAME_WORDS as u64 - 1 }>(held.frame_word);
    let [word, caller] = two_words(held, frame.wrapping_add(8 * guess));
    if is_entry(word) {
        return caller;
    }
    search(frame, held, probe)
}

/// Looks for it in the whole frame; 0 when it is not there.
#[inline(never)]
fn search(frame: u64, held: &mut Held, probe: ProbeIndex) -> u64 {
    let found = found(frame, held, probe);
    // Found here or there: the verifier follows one path from here on.
    held.launder(found)
}

#[inline(always)]
fn found(frame: u64, held: &mut Held, probe: ProbeIndex) -> u64 {
    let entry = function(probe);
    let is_entry = |word: u64| word.wrapping_sub(entry) <= 16;
    // SAFETY: the helper checks the address itself.
    let Ok(words) = (unsafe { bpf_probe_read_kernel(frame as *const [u64; FRAME_WORDS]) }) else {
        count_at(Counter::ReadFailed, probe);
        return 0;
    };
    macro_rules! look_at {
        ($($word:literal)+) => {
            $(if is_entry(words[$word]) {
                held.frame_word = $word;
                return words[$word + 1];
            })+
        };
    }
    look_at!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    // From 6.19 on a function may jump into its trampoline instead of calling it: nothing leads back into the function then, and the caller is
    // next to the saved frame pointer, which is next to the return value, behind the arguments.
    let back = ARGUMENTS[probe as usize] + 1;
    if back < FRAME_WORDS && words[back] >= KERNEL_IMAGE {
        return words[back];
    }
    count_at(Counter::SiteUnknown, probe);
    0
}
