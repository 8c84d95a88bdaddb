//! Findings: one file per kind, each with its check and its text.

mod init_held;
mod inversion;
mod recursion;
mod unlock_imbalance;

use std::collections::BTreeSet;

use super::event::Mode;
use super::held::Breach;
use super::lock::LockId;
use super::snapshot::Finding;
use super::verdict::{Judgement, Pick, Verdict};
use super::view::{View, mode};
use super::{fingerprint, scenario};

/// What the search could not do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Parts of the graph that were not searched for cycles to the end.
    pub(crate) unfinished: u64,
    /// Cycles for which not every combination of evidence was tried.
    pub(crate) cut_short: u64,
}

/// All findings, the most severe first, numbered from 1.
pub(crate) fn all(view: &View<'_>) -> (Vec<Finding>, Limits) {
    let mut limits = Limits::default();
    let mut findings = recursion::find(view);
    findings.extend(inversion::find(view, &mut limits));
    findings.extend(unlock_imbalance::find(view));
    findings.extend(init_held::find(view));
    findings.sort_by_cached_key(|finding| {
        let verdict = finding.verdict.as_deref().map_or(0, rank);
        let key = (
            severity_rank(&finding.severity),
            verdict,
            finding.locks.len(),
            finding.locks.clone(),
        );
        (
            key,
            finding.kind.clone(),
            finding.fingerprint.clone(),
            finding.title.clone(),
            finding.first_ns,
        )
    });
    // The same locks by name, at the same places: the same bug on other objects, or on the next generation of these.
    let mut seen: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match seen.last_mut().filter(|last| same(last, &finding)) {
            Some(last) => {
                last.count += finding.count;
                last.first_ns = last.first_ns.min(finding.first_ns);
            }
            None => seen.push(finding),
        }
    }
    for (id, finding) in (1u32..).zip(&mut seen) {
        finding.id = id;
    }
    (seen, limits)
}

fn same(a: &Finding, b: &Finding) -> bool {
    let key = |finding: &Finding| {
        let (kind, verdict) = (finding.kind.clone(), finding.verdict.clone());
        (
            kind,
            verdict,
            finding.locks.clone(),
            finding.fingerprint.clone(),
            finding.title.clone(),
        )
    };
    key(a) == key(b)
}

pub(super) fn severity_rank(severity: &str) -> usize {
    ["critical", "error", "warning", "note"]
        .iter()
        .position(|&name| name == severity)
        .unwrap_or(usize::MAX)
}

pub(super) fn rank(verdict: &str) -> usize {
    let order = [
        Verdict::Certain,
        Verdict::Possible,
        Verdict::NeedsWriter,
        Verdict::Guarded,
        Verdict::SingleTask,
    ];
    order
        .iter()
        .position(|known| known.name() == verdict)
        .unwrap_or(usize::MAX)
}

fn severity(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Certain => "critical",
        Verdict::Possible => "error",
        Verdict::NeedsWriter => "warning",
        Verdict::Guarded | Verdict::SingleTask => "note",
    }
}

/// What the kinds of cycles have in common.
fn of_cycle(view: &View<'_>, kind: &str, judgement: &Judgement<'_>, title: String, reason: String) -> Finding {
    let guards = judgement.guards();
    let sides: Vec<_> = judgement.sides.iter().map(|pick| side_text(view, pick)).collect();
    // The cycle is closed once its last side was seen.
    let closed_ns = judgement
        .sides
        .iter()
        .map(|pick| pick.evidence.time_ns)
        .max()
        .unwrap_or_default();
    Finding {
        id: 0,
        kind: kind.to_string(),
        verdict: Some(judgement.verdict.name().to_string()),
        level: "instance".to_string(),
        severity: severity(judgement.verdict).to_string(),
        title,
        locks: lock_names(view, &judgement.sides, &guards),
        dependencies: judgement
            .sides
            .iter()
            .map(|pick| scenario::number(pick.dependency))
            .collect(),
        reason,
        fingerprint: fingerprint::of(kind, &sides),
        scenario: scenario::of(view, &judgement.sides, &guards),
        first_ns: closed_ns,
        count: 1,
    }
}

/// A side for the fingerprint: classes, modes, functions.
fn side_text(view: &View<'_>, pick: &Pick<'_>) -> String {
    let taken_at = pick
        .situation
        .held
        .get(pick.evidence.from)
        .and_then(|from| view.function(from.stack));
    let requested_at = view.function(pick.situation.request.stack);
    format!(
        "{}|{}|{}|{}|{}|{}",
        view.class(pick.edge.from),
        fingerprint_mode(pick.edge.from_mode),
        taken_at.unwrap_or_default(),
        view.class(pick.edge.to),
        fingerprint_mode(pick.edge.to_mode),
        requested_at.unwrap_or_default(),
    )
}

fn fingerprint_mode(of: Mode) -> &'static str {
    if of == Mode::SharedRecursive {
        "shared-recursive"
    } else {
        mode(of)
    }
}

/// The locks of a cycle in its order, those in between included and guards left out; the smallest name first, each name once.
fn lock_names(view: &View<'_>, sides: &[Pick<'_>], guards: &[LockId]) -> Vec<String> {
    let recursion = sides.iter().any(|pick| pick.edge.from == pick.edge.to);
    let mut names: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for pick in sides {
        let segment = pick.situation.held.iter().skip(pick.evidence.from);
        let between = segment
            .skip(1)
            .filter(|taken| !recursion && !guards.contains(&taken.lock));
        for lock in std::iter::once(pick.edge.from).chain(between.map(|taken| taken.lock)) {
            let name = view.name(lock);
            if known.insert(name) {
                names.push(name.to_string());
            }
        }
    }
    if let Some((smallest, _)) = names.iter().enumerate().min_by(|(_, a), (_, b)| a.cmp(b)) {
        names.rotate_left(smallest);
    }
    names
}

/// Who could be queued for writing on these locks.
fn writers(view: &View<'_>, locks: &[LockId]) -> String {
    let lines: Vec<_> = locks.iter().map(|&lock| writers_of(view, lock)).collect();
    lines.join("; ")
}

fn writers_of(view: &View<'_>, lock: LockId) -> String {
    let name = view.name(lock);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (&task, &stack) in view.model.locks.get(lock).iter().flat_map(|lock| &lock.writers) {
        let (comm, _) = view.task(task);
        seen.insert(
            view.function(stack)
                .map_or_else(|| comm.clone(), |function| format!("{comm} in {function}")),
        );
    }
    if seen.is_empty() {
        return format!("no writer was seen on {name}");
    }
    format!(
        "writers seen on {name}: {}",
        seen.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// Findings of rules that one step breaks; `text` makes title and reason of the lock's name and the task's.
fn of_breach(
    view: &View<'_>,
    breach: Breach,
    kind: &str,
    text: impl Fn(&str, &str) -> (String, String),
) -> Vec<Finding> {
    let seen = view.model.breaches.iter().filter(|((which, _, _), _)| *which == breach);
    seen.map(|(&(_, lock, _), seen)| {
        let (task, _) = view.task(seen.task);
        let (title, reason) = text(view.name(lock), &task);
        let place = view.stack(seen.stack).into_iter().next();
        let function = view.function(seen.stack).unwrap_or_default();
        Finding {
            id: 0,
            kind: kind.to_string(),
            verdict: None,
            level: "instance".to_string(),
            severity: "error".to_string(),
            title,
            locks: vec![view.name(lock).to_string()],
            dependencies: Vec::new(),
            reason: place.map_or_else(|| reason.clone(), |place| format!("{reason}, at {place}")),
            fingerprint: fingerprint::of(kind, &[format!("{}|{function}", view.class(lock))]),
            scenario: Vec::new(),
            first_ns: seen.time_ns,
            count: seen.count,
        }
    })
    .collect()
}
