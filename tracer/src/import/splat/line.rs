//! Single lines of a report of lockdep: `print_lock()`, `print_lock_name()` and `stack_trace_print()` of the kernel, of all versions.

use crate::names::symbol::UNKNOWN;

/// A lock as lockdep names it: `(CLASS){USAGE}-{OUTER:INNER}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Class {
    /// With `#2` (lockdep's number of a class among those of one name) and `/1` (its subclass).
    pub(super) name: String,
    /// In which contexts it was taken: `+.+.`
    pub(super) usage: String,
}

/// A lock that a task holds or wants, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LockLine {
    /// Its class.
    pub(super) class: Class,
    /// Its address; none when the kernel hides it, and kernels of 2017 and 2018 do not print it.
    pub(super) address: Option<u64>,
    /// The function that took it: `cleanup_net+0x31/0x2f0`.
    pub(super) place: String,
}

/// A line of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StackLine {
    /// A frame that the unwinder is sure of, without addresses.
    Frame(String),
    /// What says nothing about the path: a guess of the unwinder, `<TASK>`.
    Nothing,
    /// A frame that is not whole.
    Broken,
    /// No part of a stack: another CPU's message.
    Other,
}

/// `ADDRESS (CLASS){USAGE}-{3:3}, at: PLACE`, of a kernel before 4.20 with `[<ADDRESS>]` before the place.
pub(super) fn lock(text: &str) -> Option<LockLine> {
    let (lock, place) = text.rsplit_once(", at: ")?;
    let (address, lock) = address(lock.trim())?;
    let class = class(lock)?;
    let StackLine::Frame(place) = frame(place) else {
        return None;
    };
    Some(LockLine { class, address, place })
}

/// `-> #1 (CLASS){USAGE}-{3:3}:`, without ` at:` and place.
pub(super) fn entry(text: &str) -> Option<(usize, Class)> {
    let (number, rest) = text.strip_prefix("-> #")?.split_once(' ')?;
    Some((number.parse().ok()?, class(rest.trim().strip_suffix(':')?)?))
}

/// ` #0: LOCK`: the number and what stands behind it.
pub(super) fn held(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(':')?;
    Some((number.parse().ok()?, rest.trim()))
}

/// `3 locks held by COMM/PID:`
pub(super) fn held_by(text: &str) -> Option<(usize, &str)> {
    let (count, rest) = text.split_once(' ')?;
    let task = rest
        .strip_prefix("locks held by ")
        .or_else(|| rest.strip_prefix("lock held by "))?;
    Some((count.parse().ok()?, task.strip_suffix(':')?))
}

/// `COMM/PID`
pub(super) fn task(text: &str) -> Option<(&str, u32)> {
    let (comm, pid) = text.rsplit_once('/')?;
    Some((comm, pid.parse().ok()?))
}

/// `lock(CLASS);` of a scenario: the call and the class.
pub(super) fn call(text: &str) -> Option<(&str, &str)> {
    let (call, rest) = text.split_once('(')?;
    let known = matches!(call, "lock" | "rlock" | "sync");
    Some((call, rest.strip_suffix(");")?)).filter(|_| known)
}

/// The function of a frame, as the frame has it.
pub(super) fn function(frame: &str) -> &str {
    frame.split(['+', ' ']).next().unwrap_or(frame)
}

/// The address before a class, if there is one.
fn address(text: &str) -> Option<(Option<u64>, &str)> {
    for hidden in ["(____ptrval____)", "(ptrval)", "(null)"] {
        if let Some(rest) = text.strip_prefix(hidden) {
            return Some((None, rest.trim_start()));
        }
    }
    if text.starts_with('(') {
        return Some((None, text));
    }
    let (address, rest) = text.split_once(' ')?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some(((address != 0).then_some(address), rest.trim_start()))
}

/// `(CLASS){USAGE}` and, since 5.6, `-{OUTER:INNER}`. A class can have parentheses, braces no usage.
fn class(text: &str) -> Option<Class> {
    let (name, rest) = text.strip_prefix('(')?.rsplit_once("){")?;
    let (usage, wait) = rest.split_once('}')?;
    let whole = wait.is_empty() || (wait.starts_with("-{") && wait.ends_with('}'));
    let known = usage.bytes().all(|byte| b"+-?.".contains(&byte));
    (whole && known && !name.is_empty()).then(|| Class {
        name: name.to_string(),
        usage: usage.to_string(),
    })
}

/// A line of a stack, without the addresses that kernels before 4.10 and those of some machines put before a function.
pub(super) fn frame(text: &str) -> StackLine {
    let mut text = text.trim();
    while let Some((inside, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if !is_address(inside.trim_matches(['<', '>'])) {
            break;
        }
        text = rest.trim_start();
    }
    let guess = text.starts_with("? ") || text.ends_with("(unreliable)");
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    if guess || (text.starts_with('<') && text.ends_with('>')) {
        StackLine::Nothing
    } else if is_place(first) || (is_name(first) && is_source(rest)) {
        StackLine::Frame(text.to_string())
    } else if is_address(first) && rest.is_empty() {
        StackLine::Frame(UNKNOWN.to_string())
    } else if first.contains("+0x") || rest.is_empty() {
        StackLine::Broken
    } else {
        StackLine::Other
    }
}

/// `function+0x1c/0x80`
fn is_place(text: &str) -> bool {
    let is_hex = |text: &str| {
        text.strip_prefix("0x")
            .is_some_and(|digits| u64::from_str_radix(digits, 16).is_ok())
    };
    let place = text
        .split_once("+0x")
        .and_then(|(name, _)| Some((name, text.get(name.len() + 1..)?)));
    let offsets = place
        .filter(|(name, _)| is_name(name))
        .and_then(|(_, offsets)| offsets.split_once('/'));
    offsets.is_some_and(|(offset, size)| is_hex(offset) && is_hex(size))
}

fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || "_.$".contains(first));
    begins
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte))
}

/// What `decode_stacktrace.sh` and syzbot make of an offset: `(net/core/dev.c:12)`, `net/core/dev.c:12 [inline]`.
fn is_source(text: &str) -> bool {
    let known = text.starts_with('(') || text.ends_with("[inline]");
    let line = text.split_once(':').map(|(_, line)| line);
    known && line.is_some_and(|line| line.starts_with(|first: char| first.is_ascii_digit()))
}

fn is_address(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.len() >= 8 && digits.len() <= 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<(Option<u64>, String, String, String)> {
        lock(text).map(|lock| (lock.address, lock.class.name, lock.class.usage, lock.place))
    }

    #[test]
    fn locks_of_all_kernels_are_read() {
        for (text, address, name, usage, place) in [
            (
                "ffffffff82135298 (pernet_ops_rwsem){++++}-{3:3}, at: cleanup_net+0x31/0x2f0",
                Some(0xffff_ffff_8213_5298),
                "pernet_ops_rwsem",
                "++++",
                "cleanup_net+0x31/0x2f0",
            ),
            (
                "ffff88800397e558 ((work_completion)(&(&x->w)->work)){+.+.}-{0:0}, at: process_one_work+0x38d/0x5b0",
                Some(0xffff_8880_0397_e558),
                "(work_completion)(&(&x->w)->work)",
                "+.+.",
                "process_one_work+0x38d/0x5b0",
            ),
            (
                "(&pipe->mutex/1){+.+.+.}, at: [<ffffffff8126ca7d>] pipe_lock+0x1d/0x20",
                None,
                "&pipe->mutex/1",
                "+.+.+.",
                "pipe_lock+0x1d/0x20",
            ),
            (
                "(____ptrval____) ((complete)&st->done){+.+.}, at: f+0x1/0x2 [m]",
                None,
                "(complete)&st->done",
                "+.+.",
                "f+0x1/0x2 [m]",
            ),
            (
                "00000000cdf4d414 (&x[i]#3){?.-.}-{2:2}, at: 0xffffffffc0123456",
                Some(0xcdf4_d414),
                "&x[i]#3",
                "?.-.",
                "unknown",
            ),
            (
                "0000000000000000 (a|b){....}, at: f+0x2/0x5 net/core/dev.c:12",
                None,
                "a|b",
                "....",
                "f+0x2/0x5 net/core/dev.c:12",
            ),
        ] {
            let expected = (address, name.to_string(), usage.to_string(), place.to_string());
            assert_eq!(names(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_is_no_lock() {
        for text in [
            "",
            "ffffffff82135298 (pernet_ops_rwsem){++++}-{3:3}",
            "ffffffff82135298 (pernet_ops_rwsem){++++}-{3:3}, at: cleanup_n",
            "ffffffff82135298 (pernet_ops_rwsem){++++}-{3:, at: cleanup_net+0x31/0x2f0",
            "ffffffff82135298 (pernet_ops_rwsem, at: cleanup_net+0x31/0x2f0",
            "ffffffff82135298 (){++++}-{3:3}, at: cleanup_net+0x31/0x2f0",
            "ffffffff82135298 (x){usage}, at: cleanup_net+0x31/0x2f0",
            "eth0 (x){++++}, at: cleanup_net+0x31/0x2f0",
            "<RELEASED>",
        ] {
            assert_eq!(lock(text), None, "{text}");
        }
    }

    #[test]
    fn entries_are_read() {
        let name = |text| entry(text).map(|(number, class)| (number, class.name));
        assert_eq!(
            name("-> #1 (&x->lock#2/1){+.+.}-{3:3}:"),
            Some((1, "&x->lock#2/1".to_string()))
        );
        assert_eq!(name("-> #12 (a){+.+.+.}:"), Some((12, "a".to_string())));
        for text in [
            "-> #1 (a){+.+.}-{3:3}",
            "-> #1 (a)",
            "-> #x (a){+.+.}:",
            "-> #1",
            "#1 (a){+.+.}:",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn frames_lose_their_addresses() {
        let sure = |text: &str| StackLine::Frame(text.to_string());
        for (text, expected) in [
            ("       down_write+0x2d/0x150", sure("down_write+0x2d/0x150")),
            (
                " mlx5r_remove+0x39/0x60 [mlx5_ib]",
                sure("mlx5r_remove+0x39/0x60 [mlx5_ib]"),
            ),
            (
                "[<ffffffff811061a6>] lock_acquire+0x196/0x1e0",
                sure("lock_acquire+0x196/0x1e0"),
            ),
            (
                "[c000000006f0f6a0] [c000000000b5b2c8] f.isra.0+0x1/0x2",
                sure("f.isra.0+0x1/0x2"),
            ),
            ("0xffffffffc0123456", sure("unknown")),
            (
                "f (net/core/dev.c:12 (discriminator 3)) mlx5_ib",
                sure("f (net/core/dev.c:12 (discriminator 3)) mlx5_ib"),
            ),
            ("f net/core/dev.c:12 [inline]", sure("f net/core/dev.c:12 [inline]")),
            (" ? kthread_park+0x90/0x90", StackLine::Nothing),
            (
                "[c000000006f0f6a0] [c000000000b5b2c8] f+0x1/0x2 (unreliable)",
                StackLine::Nothing,
            ),
            (" <TASK>", StackLine::Nothing),
            (" </TASK>", StackLine::Nothing),
            ("genl_rcv_msg+0x1", StackLine::Broken),
            ("genl_rcv_msg+0x1/", StackLine::Broken),
            ("genl_rc", StackLine::Broken),
            ("eth0: link becomes ready", StackLine::Other),
            ("RIP: 0033:f+0x1/0x2", StackLine::Other),
            ("f (x)", StackLine::Other),
        ] {
            assert_eq!(frame(text), expected, "{text}");
        }
    }

    #[test]
    fn heads_and_calls_are_read() {
        assert_eq!(
            held_by("3 locks held by kworker/u16:1/9:"),
            Some((3, "kworker/u16:1/9"))
        );
        assert_eq!(held_by("1 lock held by a b/9:"), Some((1, "a b/9")));
        assert_eq!(held_by("no locks held by a/9:"), None);
        assert_eq!(task("kworker/u16:1/9"), Some(("kworker/u16:1", 9)));
        assert_eq!(task("kworker"), None);
        assert_eq!(
            call("rlock((work_completion)(&x));"),
            Some(("rlock", "(work_completion)(&x)"))
        );
        assert_eq!(call("sync(&x_srcu);"), Some(("sync", "&x_srcu")));
        assert_eq!(call("printk(x);"), None);
        assert_eq!(held("#10: x"), Some((10, "x")));
    }
}
