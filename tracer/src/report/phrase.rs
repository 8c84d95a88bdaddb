//! How locks, tasks, times and counts are written in every format that people read.

use crate::analysis::snapshot::{Held, Snapshot};

/// The name of a lock by its id.
pub(super) fn lock_name(snapshot: &Snapshot, id: u32) -> &str {
    // A document of tracer's own has them in order.
    let ordered = snapshot.locks.binary_search_by_key(&id, |lock| lock.id).ok();
    let known = ordered.and_then(|index| snapshot.locks.get(index));
    let lock = known.or_else(|| snapshot.locks.iter().find(|lock| lock.id == id));
    lock.map_or("?", |lock| &lock.name)
}

/// A task as shown everywhere: `devlink/4711`, or without a thread id where the source has none.
pub(super) fn task(name: &str, pid: Option<u32>) -> String {
    pid.map_or_else(|| name.to_string(), |pid| format!("{name} (pid {pid})"))
}

/// A held stack, one item a lock: `pernet_ops_rwsem (shared)`.
pub(super) fn held(snapshot: &Snapshot, held: &[Held]) -> Vec<String> {
    let name = |held: &Held| {
        let trylock = if held.trylock { ", trylock" } else { "" };
        format!("{} ({}{trylock})", lock_name(snapshot, held.lock), held.mode)
    };
    held.iter().map(name).collect()
}

/// `1 note`, `2 notes`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time of the capture: `12.345678 s`.
pub(super) fn time(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}
