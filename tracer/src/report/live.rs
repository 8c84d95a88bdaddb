//! What a trace sees while it sees it: one object a line.
//!
//! Objects are called by their names: the numbers of a document change as it grows. The first line is `start`, the last one `end`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::jsonl::Head;
use super::phrase;
use crate::analysis::snapshot::{
    Dependency, Evidence, Finding, Held, Mode, Notifier, Side, Snapshot, Source, Wait, Window,
};

/// A task that has waited for less is not told: most get what they wait for.
const LONG_NS: u64 = 1_000_000_000;

/// What was told of a trace.
#[derive(Debug, Default)]
pub struct Live {
    is_started: bool,
    dependencies: usize,
    notifiers: usize,
    /// Of each window, whether its end was told.
    windows: Vec<bool>,
    /// Task, its number, and since when it waits.
    waits: BTreeSet<(String, Option<u32>, u64)>,
    /// Fingerprint, level and severity.
    findings: BTreeSet<[String; 3]>,
}

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    /// The trace begins.
    Start(Head<'a>),
    /// A lock is requested while another one is held, for the first time.
    Dependency(Requested<'a>),
    /// A devlink reload begins (`end_ns` is null), or ends.
    Window(&'a Window),
    /// A notifier is registered or unregistered.
    Notifier(Registered<'a>),
    /// A task has waited for a second or longer.
    Wait(Waiting<'a>),
    /// A finding is new, or as severe as it was not before.
    Finding(Found<'a>),
    /// Where a frame is in the kernel's source.
    Source(&'a Source),
    /// The trace has ended.
    End(Head<'a>),
}

/// A lock by its names.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    class: &'a str,
    mode: Mode,
    trylock: bool,
}

#[derive(Serialize)]
struct Requested<'a> {
    time_ns: u64,
    task: &'a str,
    pid: Option<u32>,
    origin: Option<&'a str>,
    from: Named<'a>,
    to: Named<'a>,
    held: Vec<Named<'a>>,
    from_stack: &'a [Arc<str>],
    to_stack: &'a [Arc<str>],
}

#[derive(Serialize)]
struct Registered<'a> {
    time_ns: u64,
    task: &'a str,
    pid: Option<u32>,
    function: &'a str,
    chain: Option<&'a str>,
    callback: &'a str,
    held: Vec<Named<'a>>,
    stack: &'a [Arc<str>],
}

#[derive(Serialize)]
struct Waiting<'a> {
    since_ns: u64,
    task: &'a str,
    pid: Option<u32>,
    lock: Named<'a>,
    held: Vec<Named<'a>>,
    on: &'a [String],
    in_circle: bool,
    stack: &'a [Arc<str>],
}

#[derive(Serialize)]
struct Found<'a> {
    kind: &'a str,
    verdict: Option<&'a str>,
    level: &'a str,
    severity: &'a str,
    title: &'a str,
    locks: &'a [String],
    reason: &'a str,
    fingerprint: &'a str,
    scenario: &'a [Side],
    first_ns: u64,
}

impl Live {
    /// Writes what is new since the last time. Snapshots are of one and the same trace, each of a later moment.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, snapshot: &Snapshot, last: bool, mut out: impl Write) -> io::Result<()> {
        for line in self.lines(snapshot, last) {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    fn lines<'a>(&mut self, snapshot: &'a Snapshot, last: bool) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        if !self.is_started {
            self.is_started = true;
            lines.push(Line::Start(Head::of(snapshot)));
        }
        self.seen(snapshot, &mut lines);
        let waits = snapshot.waits.iter().filter(|wait| {
            let now = snapshot.capture.duration_ns.unwrap_or(u64::MAX);
            let is_long = last || now.saturating_sub(wait.since_ns) >= LONG_NS;
            is_long && self.waits.insert((wait.task.clone(), wait.pid, wait.since_ns))
        });
        lines.extend(waits.map(|wait| Line::Wait(waiting(snapshot, wait))));
        let findings = snapshot.findings.iter().filter(|finding| {
            let judged = [&finding.fingerprint, &finding.level, &finding.severity];
            self.findings.insert(judged.map(Clone::clone))
        });
        lines.extend(findings.map(|finding| Line::Finding(found(finding))));
        if last {
            lines.extend(snapshot.sources.iter().map(Line::Source));
            lines.push(Line::End(Head::of(snapshot)));
        }
        lines
    }

    /// What happened, in the order of time.
    fn seen<'a>(&mut self, snapshot: &'a Snapshot, lines: &mut Vec<Line<'a>>) {
        let mut seen: Vec<(u64, Line<'a>)> = Vec::new();
        let dependencies = snapshot.dependencies.iter().skip(self.dependencies);
        let evident = dependencies.filter_map(|dependency| Some((dependency, dependency.evidence.first()?)));
        seen.extend(evident.map(|(dependency, evidence)| {
            let requested = requested(snapshot, dependency, evidence);
            (evidence.time_ns, Line::Dependency(requested))
        }));
        self.dependencies = snapshot.dependencies.len();
        let notifiers = snapshot.notifiers.iter().skip(self.notifiers);
        seen.extend(notifiers.map(|notifier| (notifier.time_ns, Line::Notifier(registered(snapshot, notifier)))));
        self.notifiers = snapshot.notifiers.len();
        for (index, window) in snapshot.windows.iter().enumerate() {
            let has_ended = window.end_ns.is_some();
            match self.windows.get_mut(index) {
                None => self.windows.push(has_ended),
                Some(is_told) if has_ended && !*is_told => *is_told = true,
                Some(_) => continue,
            }
            seen.push((window.end_ns.unwrap_or(window.start_ns), Line::Window(window)));
        }
        seen.sort_by_key(|(time_ns, _)| *time_ns);
        lines.extend(seen.into_iter().map(|(_, line)| line));
    }
}

fn named(snapshot: &Snapshot, lock: u32, mode: Mode, trylock: bool) -> Named<'_> {
    let lock = phrase::lock(snapshot, lock);
    let (name, class) = lock.map_or(("", ""), |lock| (lock.name.as_str(), lock.class.as_str()));
    Named {
        name,
        class,
        mode,
        trylock,
    }
}

fn held<'a>(snapshot: &'a Snapshot, held: &[Held]) -> Vec<Named<'a>> {
    let held = held.iter();
    held.map(|held| named(snapshot, held.lock, held.mode, held.trylock))
        .collect()
}

fn requested<'a>(snapshot: &'a Snapshot, dependency: &'a Dependency, evidence: &'a Evidence) -> Requested<'a> {
    Requested {
        time_ns: evidence.time_ns,
        task: &evidence.task,
        pid: evidence.pid,
        origin: evidence.origin.as_deref(),
        from: named(snapshot, dependency.from, dependency.from_mode, dependency.trylock),
        to: named(snapshot, dependency.to, dependency.to_mode, false),
        held: held(snapshot, &evidence.held),
        from_stack: &evidence.from_stack,
        to_stack: &evidence.to_stack,
    }
}

fn registered<'a>(snapshot: &'a Snapshot, notifier: &'a Notifier) -> Registered<'a> {
    Registered {
        time_ns: notifier.time_ns,
        task: &notifier.task,
        pid: notifier.pid,
        function: &notifier.function,
        chain: notifier.chain.as_deref(),
        callback: &notifier.callback,
        held: held(snapshot, &notifier.held),
        stack: &notifier.stack,
    }
}

fn waiting<'a>(snapshot: &'a Snapshot, wait: &'a Wait) -> Waiting<'a> {
    Waiting {
        since_ns: wait.since_ns,
        task: &wait.task,
        pid: wait.pid,
        lock: named(snapshot, wait.lock, wait.mode, false),
        held: held(snapshot, &wait.held),
        on: &wait.on,
        in_circle: wait.in_circle,
        stack: &wait.stack,
    }
}

fn found(finding: &Finding) -> Found<'_> {
    Found {
        kind: &finding.kind,
        verdict: finding.verdict.as_deref(),
        level: &finding.level,
        severity: &finding.severity,
        title: &finding.title,
        locks: &finding.locks,
        reason: &finding.reason,
        fingerprint: &finding.fingerprint,
        scenario: &finding.scenario,
        first_ns: finding.first_ns,
    }
}
