//! Frames as the kernel prints them (`%pS`): `function+0x1c/0x80 [module]`, what scripts/decode_stacktrace.sh looks for.

use std::sync::Arc;

use crate::analysis::snapshot::Mode;
use crate::import::splat::{is_frame, mode};
use crate::names::symbol::UNKNOWN;
use crate::report::clean;

/// What stands for an offset and a size that are not known.
const NOWHERE: &str = "+0x0/0x0";

/// A stack in which every line is a frame. Where the primitive is not in it, a shared request is made one: nothing else in the layout
/// tells how a lock in the middle of a chain was taken.
pub(super) fn stack(stack: &[Arc<str>], mode: Mode) -> Vec<String> {
    let mut frames: Vec<_> = stack.iter().map(|text| frame(text)).collect();
    if mode == Mode::Shared && mode::told(&frames).is_none() {
        frames.insert(0, format!("down_read{NOWHERE}"));
    }
    if frames.is_empty() {
        frames.push(format!("{UNKNOWN}{NOWHERE}"));
    }
    frames
}

/// Where a lock was taken, as in `at: cleanup_net+0x31/0x2f0`: lockdep shows who called the primitive.
pub(super) fn place(stack: &[Arc<str>]) -> String {
    let is_caller = |text: &&Arc<str>| mode::primitive(text).is_none() && !mode::is_lockdep(text);
    let caller = stack.iter().find(is_caller).or_else(|| stack.first());
    caller.map_or_else(|| format!("{UNKNOWN}{NOWHERE}"), |text| frame(text))
}

/// A frame stays as it is; what is none (a text trace's line number, a function without offset) becomes one at no known offset.
fn frame(text: &str) -> String {
    let text = clean::text(text);
    if is_frame(&text) && (text.contains("+0x") || text.contains(' ')) {
        return text.into_owned();
    }
    // `cleanup_net+0x31`, as text traces have it.
    let sized = format!("{text}/0x0");
    if is_frame(&sized) {
        return sized;
    }
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "_.$".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = text.chars().map(kept).collect();
    match name.chars().next() {
        None => format!("{UNKNOWN}{NOWHERE}"),
        Some(first) if first.is_ascii_digit() => format!("line_{name}{NOWHERE}"),
        Some(_) => format!("{name}{NOWHERE}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_source_tells_becomes_a_frame() {
        for (text, expected) in [
            ("down_read+0x9/0xa0", "down_read+0x9/0xa0"),
            ("dlock_x+0x41/0x50 [dlock]", "dlock_x+0x41/0x50 [dlock]"),
            ("f (net/core/dev.c:12) mlx5_ib", "f (net/core/dev.c:12) mlx5_ib"),
            ("cleanup_net+0x31", "cleanup_net+0x31/0x0"),
            ("f", "f+0x0/0x0"),
            ("120", "line_120+0x0/0x0"),
            ("a b\u{1b}", "a_b_+0x0/0x0"),
            ("", "unknown+0x0/0x0"),
        ] {
            let frame = frame(text);
            assert_eq!(frame, expected);
            assert!(is_frame(&frame), "{frame}");
        }
    }

    #[test]
    fn a_shared_request_is_told_by_its_primitive() {
        let text = ["down_read+0x9/0xa0", "f+0x1/0x2"];
        let told = text.map(Arc::from);
        assert_eq!(stack(&told, Mode::Shared), text);
        assert_eq!(stack(&[], Mode::Exclusive), ["unknown+0x0/0x0"]);
        assert_eq!(
            stack(&["7".into()], Mode::Shared),
            ["down_read+0x0/0x0", "line_7+0x0/0x0"]
        );
        assert_eq!(place(&told), "f+0x1/0x2");
        assert_eq!(place(&[]), "unknown+0x0/0x0");
    }
}
