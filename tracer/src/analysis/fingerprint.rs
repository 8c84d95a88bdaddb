//! Fingerprints: the same bug on another boot, kernel build or machine has the same one.

use std::sync::Arc;

use super::rotation;

/// Entry points of the primitives, the one-line wrappers that a lock is always taken through, and what stands between them and the
/// tracer: never the place where a lock is taken.
const PRIMITIVES: [&str; 17] = [
    "mutex_lock",
    "mutex_trylock",
    "ww_mutex_lock",
    "rt_mutex_",
    "down_read",
    "down_write",
    "lock_acquire",
    "device_lock",
    "devl_lock",
    "devl_trylock",
    "netdev_lock",
    "rtnl_lock",
    "rtnl_net_lock",
    "rtnl_net_trylock",
    "rtnl_trylock",
    "bpf_",
    "ftrace_",
];

/// The function of a frame, without offset, module and the suffixes that a compiler adds; none for locking primitives and for
/// locations that are no functions.
pub(crate) fn function(frame: &str) -> Option<&str> {
    let name = frame.split(['+', ' ', '[']).next()?;
    // `foo.isra.0`, `foo.constprop.0`, `foo.cold` differ from build to build.
    let name = name.split('.').next()?;
    let begins_as_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let bare = name.trim_start_matches('_');
    let primitive = PRIMITIVES.iter().any(|primitive| bare.starts_with(primitive));
    (begins_as_name && !primitive && name != crate::names::symbol::UNKNOWN).then_some(name)
}

/// The innermost function of a stack that is no locking primitive, and its frame.
pub(crate) fn innermost(stack: &[Arc<str>]) -> Option<(&str, &str)> {
    stack.iter().find_map(|frame| Some((function(frame)?, &**frame)))
}

/// Fingerprint of a cycle, from what stands at its sides: classes, modes, functions. It does not matter which side comes first.
pub(crate) fn of(kind: &str, sides: &[String]) -> String {
    let mut hash = fnv1a(FNV_OFFSET, kind.as_bytes());
    let (head, tail) = sides.split_at(rotation::smallest(sides));
    for side in tail.iter().chain(head) {
        hash = fnv1a(fnv1a(hash, b"\n"), side.as_bytes());
    }
    format!("{hash:016x}")
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a, 64 bits (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>): written out because the value must never change.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_is_the_published_one() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn rotation_changes_nothing_and_reversal_does() {
        let sides = ["a", "b", "c"].map(String::from);
        let rotated = ["b", "c", "a"].map(String::from);
        let reversed = ["c", "b", "a"].map(String::from);
        assert_eq!(of("inversion", &sides), of("inversion", &rotated));
        assert_ne!(of("inversion", &sides), of("inversion", &reversed));
        assert_ne!(of("inversion", &sides), of("recursion", &sides));
    }

    #[test]
    fn functions_lose_what_differs_between_builds() {
        assert_eq!(function("cleanup_net+0x1c/0x80"), Some("cleanup_net"));
        assert_eq!(function("mlx5_unload.isra.0+0x1/0x2 [mlx5_core]"), Some("mlx5_unload"));
        assert_eq!(function("mlx5_unload.cold [mlx5_core]"), Some("mlx5_unload"));
        assert_eq!(function("120"), None);
        assert_eq!(function(""), None);
        assert_eq!(function("unknown"), None);
        assert_eq!(function("__mutex_lock.constprop.0+0x1/0x2"), None);
    }
}
