//! Which entries of a chain one task went through.

use super::line::function;
use super::mode;

/// Whether the path `later` goes on under the lock that `earlier` took: a function that took it occurs in `later`, called along the same
/// path. lockdep tells that the lock is held on `later`; this tells that it was taken there.
pub(super) fn goes_on(earlier: &[String], later: &[String]) -> bool {
    let takers = earlier.iter().enumerate().filter(|(_, frame)| !is_inner(frame));
    for (index, taker) in takers {
        let outside = earlier.get(index + 1..).unwrap_or_default();
        let split = later.len().checked_sub(outside.len() + 1);
        let same = split.and_then(|split| later.get(split..)?.split_first());
        // An equal path of no function proves nothing.
        if let Some((frame, rest)) = same
            && !outside.is_empty()
            && rest == outside
            && function(frame) == function(taker)
        {
            return true;
        }
        if !is_wrapper(taker) {
            return false;
        }
    }
    false
}

/// A primitive, or lockdep called by it.
fn is_inner(frame: &str) -> bool {
    mode::primitive(frame).is_some() || mode::is_lockdep(frame)
}

/// Whether a function takes a lock on behalf of its caller: `rtnl_lock`, `device_lock_interruptible`.
fn is_wrapper(frame: &str) -> bool {
    let name = function(frame);
    name.contains("lock") && !name.contains("unlock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(frames: &str) -> Vec<String> {
        frames.split_whitespace().map(str::to_string).collect()
    }

    #[test]
    fn a_function_that_calls_on_holds_what_it_took() {
        let earlier = path("__mutex_lock+0x1/0x9 unload+0x1e/0xa0 reload+0x5/0x9 syscall+0x1/0x9");
        assert!(goes_on(
            &earlier,
            &path("down_write+0x1/0x9 detach+0x2/0x9 unload+0x2d/0xa0 reload+0x5/0x9 syscall+0x1/0x9")
        ));
        // The same function takes both.
        assert!(goes_on(
            &earlier,
            &path("down_write+0x1/0x9 unload+0x2d/0xa0 reload+0x5/0x9 syscall+0x1/0x9")
        ));
    }

    #[test]
    fn another_path_holds_something_else() {
        let earlier = path("__mutex_lock+0x1/0x9 unload+0x1e/0xa0 reload+0x5/0x9 syscall+0x1/0x9");
        for later in [
            "down_write+0x1/0x9 detach+0x2/0x9 unload+0x2d/0xa0 reload+0x6/0x9 syscall+0x1/0x9",
            "down_write+0x1/0x9 detach+0x2/0x9 unload+0x2d/0xa0 remove+0x5/0x9 syscall+0x1/0x9",
            "down_write+0x1/0x9 detach+0x2/0x9 load+0x2d/0xa0 reload+0x5/0x9 syscall+0x1/0x9",
            "down_write+0x1/0x9 unload+0x2d/0xa0 reload+0x5/0x9 syscall+0x1/0x9 more+0x1/0x9",
            "down_write+0x1/0x9 reload+0x7/0x9 syscall+0x1/0x9",
            "syscall+0x1/0x9",
            "",
        ] {
            assert!(!goes_on(&earlier, &path(later)), "{later}");
        }
        assert!(!goes_on(
            &path("__mutex_lock+0x1/0x9 unload+0x1e/0xa0"),
            &path("down_write+0x1/0x9 unload+0x2d/0xa0")
        ));
        assert!(!goes_on(&[], &path("down_write+0x1/0x9")));
    }

    #[test]
    fn a_wrapper_takes_for_its_caller() {
        let earlier = path("__mutex_lock+0x1/0x9 rtnl_lock+0x1/0x9 unload+0x1e/0xa0 reload+0x5/0x9");
        assert!(goes_on(
            &earlier,
            &path("down_write+0x1/0x9 unload+0x2d/0xa0 reload+0x5/0x9")
        ));
        // What is not a wrapper may have released it when it returned.
        let earlier = path("__mutex_lock+0x1/0x9 rtnl_dump+0x1/0x9 unload+0x1e/0xa0 reload+0x5/0x9");
        assert!(!goes_on(
            &earlier,
            &path("down_write+0x1/0x9 unload+0x2d/0xa0 reload+0x5/0x9")
        ));
    }
}
