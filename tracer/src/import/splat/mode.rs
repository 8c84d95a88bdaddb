//! How a lock is taken, as far as a splat tells: by the primitive in a stack.

use super::line::function;
use crate::analysis::event::{LockKind, Mode};

/// Functions of lockdep and of the unwinder at the inner end of a stack: they tell nothing about the lock.
const LOCKDEP: [&str; 14] = [
    "__lock_acquire",
    "check_deadlock",
    "check_noncircular",
    "check_prev_add",
    "check_prevs_add",
    "dump_backtrace",
    "dump_stack",
    "dump_stack_lvl",
    "lock_acquire",
    "print_circular_bug",
    "print_deadlock_bug",
    "show_stack",
    "unwind_backtrace",
    "validate_chain",
];

/// What a primitive's name begins with, without underscores: what it tells.
const PRIMITIVES: [(&str, Mode, LockKind); 13] = [
    ("mutex_lock", Mode::Exclusive, LockKind::Mutex),
    ("down_read", Mode::Shared, LockKind::Rwsem),
    ("down_write", Mode::Exclusive, LockKind::Rwsem),
    // Only with an acquire context does a ww_mutex back off, and nothing tells whether there was one.
    ("ww_mutex_lock", Mode::Exclusive, LockKind::Unknown),
    ("rt_mutex_", Mode::Exclusive, LockKind::Unknown),
    ("percpu_down_read", Mode::Shared, LockKind::Unknown),
    ("percpu_down_write", Mode::Exclusive, LockKind::Unknown),
    ("raw_read_lock", Mode::Shared, LockKind::Unknown),
    ("raw_write_lock", Mode::Exclusive, LockKind::Unknown),
    ("raw_spin_lock", Mode::Exclusive, LockKind::Unknown),
    ("rt_read_lock", Mode::Shared, LockKind::Unknown),
    ("rt_write_lock", Mode::Exclusive, LockKind::Unknown),
    ("rt_spin_lock", Mode::Exclusive, LockKind::Unknown),
];

/// A stack from the primitive outwards.
pub(super) fn from_primitive(stack: &[String]) -> &[String] {
    let inner = stack.iter().take_while(|frame| is_lockdep(frame)).count();
    stack.get(inner..).filter(|rest| !rest.is_empty()).unwrap_or(stack)
}

/// What the primitive at the inner end of a stack tells.
pub(crate) fn told(stack: &[String]) -> Option<(Mode, LockKind)> {
    primitive(from_primitive(stack).first()?)
}

/// Whether a frame is one of lockdep's own.
pub(crate) fn is_lockdep(frame: &str) -> bool {
    LOCKDEP.contains(&bare(frame))
}

/// What a frame tells if it is a primitive.
pub(crate) fn primitive(frame: &str) -> Option<(Mode, LockKind)> {
    let name = bare(frame).trim_start_matches('_');
    let known = PRIMITIVES.iter().find(|(begin, _, _)| name.starts_with(begin));
    known.map(|&(_, mode, kind)| (mode, kind))
}

/// Whether a class was only ever taken by readers: each second character stands for them (`get_usage_chars()`), and one that was
/// never taken with interrupts enabled has a dot.
pub(in crate::import) fn is_only_read(usage: &str) -> bool {
    let taken = |reading: usize| usage.bytes().skip(reading).step_by(2).any(|byte| byte != b'.');
    taken(1) && !taken(0)
}

/// A frame's function without the suffixes that a compiler adds.
fn bare(frame: &str) -> &str {
    let function = function(frame);
    function.split('.').next().unwrap_or(function)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &[&str]) -> Vec<String> {
        frames.iter().map(|frame| (*frame).to_string()).collect()
    }

    #[test]
    fn the_primitive_tells_the_mode() {
        for (frames, expected) in [
            (
                &["down_write+0x2d/0x150", "f+0x1/0x2"][..],
                Some((Mode::Exclusive, LockKind::Rwsem)),
            ),
            (
                &["lock_acquire+0x1/0x2", "down_read_killable+0x2d/0x150"],
                Some((Mode::Shared, LockKind::Rwsem)),
            ),
            (
                &[
                    "__lock_acquire+0x1/0x2",
                    "lock_acquire.part.0+0x1/0x2",
                    "__mutex_lock+0xa9/0xc80",
                ],
                Some((Mode::Exclusive, LockKind::Mutex)),
            ),
            (
                &["__mutex_lock.constprop.0+0xa9/0xc80"],
                Some((Mode::Exclusive, LockKind::Mutex)),
            ),
            (&["_raw_read_lock+0x1/0x2"], Some((Mode::Shared, LockKind::Unknown))),
            (
                &["lock_acquire+0x1/0x2", "__flush_work+0x1/0x2", "mutex_lock+0x1/0x2"],
                None,
            ),
            (&["f+0x1/0x2", "down_write+0x2d/0x150"], None),
            (&[], None),
        ] {
            assert_eq!(told(&stack(frames)), expected, "{frames:?}");
        }
    }

    #[test]
    fn only_what_nobody_writes_is_only_read() {
        for (usage, expected) in [
            (".+.+", true),
            (".+.?", true),
            (".+.+.+", true),
            ("++++", false),
            ("+.+.", false),
            ("....", false),
            ("-+.+", false),
        ] {
            assert_eq!(is_only_read(usage), expected, "{usage}");
        }
    }
}
