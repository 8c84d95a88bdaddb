//! Whether the path by which a lock was taken fits the path on which the task is now.
//!
//! The program walks no stack when a lock is taken: it tells paths apart by the caller and the depth of the stack, and sends one stack for each. Two
//! paths of the same caller and depth share it. What a report shows as evidence must be true, so a path that does not fit is cut down
//! to what is certain.

use super::frame::{self, function};
use crate::{analysis::event::Frame, names::symbol::Symbols};

/// The lock function and its caller: the part that the program keeps apart exactly.
const CERTAIN: usize = 2;

/// The part of `taken` that is certain when the same task is at `now`, both innermost first.
///
/// Seen from the outermost frame, both paths are the same up to a function that called first the one, then the other. If they part in two different
/// functions, the task took the lock on another path.
pub(super) fn certain<'a>(taken: &'a [Frame], now: &[Frame], symbols: &Symbols) -> &'a [Frame] {
    let differs = taken
        .iter()
        .rev()
        .zip(now.iter().rev())
        .find(|(taken, now)| taken != now);
    match differs {
        Some((taken_in, now_in)) if function(taken_in, symbols) != function(now_in, symbols) => {
            &taken[..taken.len().min(CERTAIN)]
        }
        _ => taken,
    }
}

/// How the functions begin in which a task waits for a lock (`kernel/locking/mutex.c`, `rwsem.c`).
const LOCK_FUNCTIONS: &[&str] = &["mutex_lock", "__mutex_lock", "down_", "__down_", "rwsem_down_"];

/// Frames within which the lock function is: the tracepoint's own come before it.
const TRACEPOINT_FRAMES: usize = 12;

/// Where the lock function is in a stack that begins in the tracepoint which tells of a wait.
pub(super) fn lock_function(stack: &[Frame], symbols: &Symbols) -> usize {
    let near = &stack[..stack.len().min(TRACEPOINT_FRAMES)];
    let first = near.iter().rposition(|frame| is_lock_function(frame, symbols));
    first.unwrap_or(0)
}

/// Where a task called what it sleeps in, when that takes locks.
pub(super) fn caller_of_lock_function<'a>(stack: &'a [Frame], symbols: &Symbols) -> Option<&'a Frame> {
    stack.iter().find(|frame| !is_lock_function(frame, symbols))
}

fn is_lock_function(frame: &Frame, symbols: &Symbols) -> bool {
    frame::is_one_of(frame, LOCK_FUNCTIONS, symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "\
ffffffff81000000 T rtnl_lock
ffffffff81000100 T dev_open
ffffffff81000200 T dev_close
ffffffff81000300 T do_syscall_64
ffffffff81000400 T end_of_text
";

    fn path(addresses: &[u64]) -> Vec<Frame> {
        addresses
            .iter()
            .map(|address| Frame::Address(0xffff_ffff_8100_0000 + address))
            .collect()
    }

    fn kept(taken: &[u64], now: &[u64]) -> usize {
        certain(&path(taken), &path(now), &Symbols::parse(SYMBOLS)).len()
    }

    #[test]
    fn one_function_called_both() {
        assert_eq!(kept(&[0x10, 0x110, 0x310], &[0x180, 0x310]), 3);
        assert_eq!(kept(&[0x10, 0x110, 0x310], &[0x20, 0x150, 0x310]), 3);
    }

    #[test]
    fn another_path_is_cut_down_to_the_caller() {
        assert_eq!(kept(&[0x10, 0x210, 0x310, 0x320], &[0x180, 0x310, 0x320]), 2);
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert_eq!(kept(&[], &[0x180, 0x310]), 0);
        assert_eq!(kept(&[0x10, 0x310], &[]), 2);
    }

    #[test]
    fn a_wait_begins_at_the_outermost_lock_function() {
        let symbols = Symbols::parse(
            "\
ffffffff81000000 T bpf_trace_run2
ffffffff81000100 T __mutex_lock.constprop.0
ffffffff81000200 T mutex_lock
ffffffff81000300 T rtnl_lock
ffffffff81000400 T end_of_text
",
        );
        let stack = path(&[0x10, 0x110, 0x210, 0x310]);
        assert_eq!(lock_function(&stack, &symbols), 2);
        assert_eq!(lock_function(&stack[3..], &symbols), 0);
    }
}
