//! How locks, tasks, times and counts are written in every format that people read.

use std::sync::Arc;

use crate::analysis::event::Durations;
use crate::analysis::snapshot::{Capture, Dependency, Held, Kernel, Lock, Snapshot, Window};

/// The name of a lock by its id.
pub(crate) fn lock_name(snapshot: &Snapshot, id: u32) -> &str {
    lock(snapshot, id).map_or("?", |lock| &lock.name)
}

/// A lock by its id.
pub(crate) fn lock(snapshot: &Snapshot, id: u32) -> Option<&Lock> {
    // A document of tracer's own has them in order.
    let ordered = snapshot.locks.binary_search_by_key(&id, |lock| lock.id).ok();
    let known = ordered.and_then(|index| snapshot.locks.get(index));
    known.or_else(|| snapshot.locks.iter().find(|lock| lock.id == id))
}

/// A task as shown everywhere: `devlink/4711`, or without a thread id where the source has none.
pub(crate) fn task(name: &str, pid: Option<u32>) -> String {
    pid.map_or_else(|| name.to_string(), |pid| format!("{name} (pid {pid})"))
}

/// A held stack, one item a lock: `pernet_ops_rwsem (shared)`.
pub(crate) fn held(snapshot: &Snapshot, held: &[Held]) -> Vec<String> {
    let name = |held: &Held| {
        let trylock = if held.trylock { ", trylock" } else { "" };
        format!("{} ({}{trylock})", lock_name(snapshot, held.lock), held.mode)
    };
    held.iter().map(name).collect()
}

/// A dependency with its modes: `A (shared) -> B (exclusive)`.
pub(crate) fn dependency(snapshot: &Snapshot, dependency: &Dependency) -> String {
    let trylock = if dependency.trylock { ", trylock" } else { "" };
    format!(
        "{} ({}{trylock}) -> {} ({})",
        lock_name(snapshot, dependency.from),
        dependency.from_mode,
        lock_name(snapshot, dependency.to),
        dependency.to_mode
    )
}

/// How often a dependency was seen, and by how many tasks: `3 times by 2 tasks or more`.
pub(crate) fn times(dependency: &Dependency) -> String {
    let times = if dependency.count == 1 {
        "once".to_string()
    } else {
        format!("{} times", dependency.count)
    };
    let tasks = if dependency.tasks > 1 {
        format!(" by {} tasks or more", dependency.tasks)
    } else {
        String::new()
    };
    times + &tasks
}

/// `1 note`, `2 notes`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time of the capture: `12.345678 s`.
pub(crate) fn time(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}

/// How long something took, in the unit that fits: `1.234 ms`.
pub(crate) fn took(ns: u64) -> String {
    let (unit, name) = match ns {
        1_000_000_000.. => (1_000_000, "s"),
        1_000_000.. => (1_000, "ms"),
        _ => (1, "us"),
    };
    let thousandths = ns / unit;
    format!("{}.{:03} {name}", thousandths / 1_000, thousandths % 1_000)
}

/// How often and how long: `3 times, 1.234 s in all, 0.900 s at most`.
pub(crate) fn durations(durations: &Durations) -> String {
    let all = took(durations.total_ns);
    match durations.count {
        1 => format!("once, {all}"),
        count => format!("{count} times, {all} in all, {} at most", took(durations.max_ns)),
    }
}

/// Where something is waited for: the function that does it and those that called it, as many as fit a line or two.
pub(crate) fn place(stack: &[Arc<str>]) -> String {
    stack
        .iter()
        .take(5)
        .map(|frame| &**frame)
        .collect::<Vec<_>>()
        .join(" <- ")
}

/// The network namespace that a reload was in, and the one that it goes to.
pub(crate) fn netns(window: &Window) -> Option<String> {
    match (window.netns_from, window.netns_to) {
        (Some(from), Some(to)) if from != to => Some(format!("{from} -> {to}")),
        (Some(from), _) => Some(from.to_string()),
        _ => None,
    }
}

/// A reload window: when, of what, where to, by whom, how it ended.
pub(crate) fn window(window: &Window) -> String {
    let netns = netns(window).map_or_else(String::new, |netns| format!(", netns {netns}"));
    let end = match (window.end_ns, window.result) {
        (Some(end), Some(0)) => format!("took {}", time(end.saturating_sub(window.start_ns))),
        (Some(end), Some(error)) => format!(
            "failed with {error} after {}",
            time(end.saturating_sub(window.start_ns))
        ),
        _ => "not ended".to_string(),
    };
    let who = task(&window.task, window.pid);
    format!(
        "{} {} {} ({}){netns}: {who}, {end}",
        time(window.start_ns),
        window.kind,
        window.handle,
        window.action
    )
}

/// What is known of a kernel.
pub(crate) fn kernel(kernel: &Kernel) -> String {
    let parts = [&kernel.release, &kernel.version, &kernel.machine];
    let known: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
    if known.is_empty() {
        "not known".to_string()
    } else {
        known.join(" ")
    }
}

/// `events 30, chains 10`; none for nothing.
pub(crate) fn counters<'a>(counters: impl Iterator<Item = (&'a str, &'a u64)>) -> Option<String> {
    let parts: Vec<_> = counters
        .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What was lost, and whether that matters.
pub(crate) fn lost(capture: &Capture) -> String {
    let lost = capture
        .lost
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(name, count)| (name.as_str(), count));
    let complete = if capture.complete {
        ""
    } else {
        "; the capture is incomplete, findings may be missing"
    };
    format!(
        "lost: {}{complete}",
        counters(lost).unwrap_or_else(|| "nothing".to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_unit_that_fits() {
        assert_eq!(
            [0, 950, 12_345, 1_234_567, 61_002_003_004].map(took),
            ["0.000 us", "0.950 us", "12.345 us", "1.234 ms", "61.002 s"]
        );
    }

    #[test]
    fn one_has_no_sum() {
        let mut known = Durations {
            count: 1,
            total_ns: 2_000_000,
            max_ns: 2_000_000,
        };
        assert_eq!(durations(&known), "once, 2.000 ms");
        known.count = 3;
        assert_eq!(durations(&known), "3 times, 2.000 ms in all, 2.000 ms at most");
    }
}
