//! Findings: one file per kind, each with its check and its text.

mod deadlock;
mod init_held;
mod inversion;
mod leaked_hold;
mod recursion;
mod unlock_imbalance;

use std::collections::{BTreeMap, BTreeSet};

use super::context::Classes;
use super::event::Mode;
use super::held::Breach;
use super::level::{Level, Levels, Nodes};
use super::lock::LockId;
use super::snapshot::{self, Finding};
use super::verdict::{Judgement, Pick, Verdict};
use super::view::View;
use super::wait_for::WaitFor;
use super::{fingerprint, scenario};

/// What the search could not do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Parts of the graph that were not searched for cycles to the end.
    pub(crate) unfinished: u64,
    /// Cycles for which not every combination of evidence was tried.
    pub(crate) cut_short: u64,
    /// Evidence that was not kept, of dependencies that can be on a cycle: a verdict may rest on too little.
    pub(crate) evidence: u64,
}

/// From the most severe to the least.
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "note"];

/// All findings, the most severe first, numbered from 1.
pub(crate) fn all(levels: &Levels<'_>, wait_for: &WaitFor) -> (Vec<Finding>, Limits) {
    let view = levels.view;
    let mut limits = Limits {
        evidence: evidence_dropped(levels),
        ..Limits::default()
    };
    let mut findings = cycles(levels, &mut limits);
    let deadlocks = deadlock::find(view, levels.at(Level::Instance), wait_for);
    // What has happened is the same cycle as what could.
    let happened: BTreeSet<_> = deadlocks.iter().map(|deadlock| edges(view, deadlock)).collect();
    findings.retain(|finding| finding.dependencies.is_empty() || !happened.contains(&edges(view, finding)));
    findings.extend(deadlocks);
    findings.extend(unlock_imbalance::find(view));
    findings.extend(init_held::find(view));
    findings.extend(leaked_hold::find(view));
    sort(&mut findings);
    (unite(findings), limits)
}

/// What could deadlock, at both levels.
pub(crate) fn cycles(levels: &Levels<'_>, limits: &mut Limits) -> Vec<Finding> {
    let view = levels.view;
    if view.context.classes == Classes::Alone {
        return class_level(levels, limits);
    }
    let mut findings = at_level(levels, Level::Instance, limits);
    let (of_classes, of_locks) = view.sizes();
    if of_classes < of_locks {
        let known = most_severe(view, &findings);
        let uncovered = class_level(levels, limits).into_iter().filter(|finding| {
            let known = known.get(&classes(view, finding));
            known.is_none_or(|&known| known > severity_rank(&finding.severity))
        });
        findings.extend(uncovered);
    }
    findings
}

fn at_level(levels: &Levels<'_>, level: Level, limits: &mut Limits) -> Vec<Finding> {
    let nodes = levels.at(level);
    let mut findings = recursion::find(levels.view, nodes);
    findings.extend(inversion::find(levels.view, nodes, limits));
    findings
}

fn evidence_dropped(levels: &Levels<'_>) -> u64 {
    if levels.view.graph().evidence_dropped() == 0 {
        return 0;
    }
    let both = [Level::Instance, Level::Class].map(|level| levels.at(level));
    let on_cycles = both.into_iter().flat_map(Nodes::on_cycles);
    let dropped: BTreeMap<_, _> = on_cycles
        .map(|(index, dependency)| (index, dependency.dropped))
        .collect();
    dropped.into_values().sum()
}

/// Class-level findings, one per distinct set of classes: the most severe, then the shortest.
fn class_level(levels: &Levels<'_>, limits: &mut Limits) -> Vec<Finding> {
    let mut findings = at_level(levels, Level::Class, limits);
    sort(&mut findings);
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(classes(levels.view, finding)));
    findings
}

/// The classes that a cycle goes through.
fn classes(view: &View<'_>, finding: &Finding) -> BTreeSet<u32> {
    edges(view, finding)
        .iter()
        .map(|&(from, _)| view.class_number(from))
        .collect()
}

fn edges(view: &View<'_>, finding: &Finding) -> BTreeSet<(LockId, LockId)> {
    let dependencies = view.graph().dependencies();
    let edge = |&id: &u32| {
        let edge = dependencies.get((id as usize).checked_sub(1)?)?.edge;
        Some((edge.from, edge.to))
    };
    finding.dependencies.iter().filter_map(edge).collect()
}

/// How severe the instance-level findings through each set of classes are; a class-level one says nothing new unless it is more so.
fn most_severe(view: &View<'_>, of_instances: &[Finding]) -> BTreeMap<BTreeSet<u32>, usize> {
    let mut known = BTreeMap::new();
    for finding in of_instances {
        let rank = severity_rank(&finding.severity);
        let most = known.entry(classes(view, finding)).or_insert(rank);
        *most = rank.min(*most);
    }
    known
}

/// The most severe first; the order depends on nothing but the findings.
pub(crate) fn sort(findings: &mut [Finding]) {
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
}

/// The same locks by name, at the same places: the same bug on other objects, or on the next generation of these.
fn unite(findings: Vec<Finding>) -> Vec<Finding> {
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
    number(&mut seen);
    seen
}

/// Numbers from 1, in the order they are in.
pub(crate) fn number(findings: &mut [Finding]) {
    for (id, finding) in (1u32..).zip(findings) {
        finding.id = id;
    }
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
    SEVERITIES
        .iter()
        .position(|&name| name == severity)
        .unwrap_or(usize::MAX)
}

pub(super) fn rank(verdict: &str) -> usize {
    Verdict::ALL
        .iter()
        .position(|known| known.name() == verdict)
        .unwrap_or(usize::MAX)
}

/// By verdict; one step lower at class level, unless lockdep is to be followed, for which every one is an error.
fn severity(view: &View<'_>, judgement: &Judgement<'_>) -> &'static str {
    let of_verdict = match judgement.verdict {
        Verdict::Deadlock | Verdict::Certain => 0,
        Verdict::Possible => 1,
        Verdict::NeedsWriter => 2,
        Verdict::Guarded | Verdict::Ordered | Verdict::SingleTask => 3,
    };
    let rank = match judgement.level {
        Level::Instance => of_verdict,
        Level::Class if view.context.classes == Classes::Milder => of_verdict + 1,
        Level::Class => 1,
    };
    SEVERITIES.get(rank).copied().unwrap_or("note")
}

/// The nodes of a cycle as people write it: `A -> B -> A`.
fn circle(nodes: &Nodes<'_>, judgement: &Judgement<'_>) -> String {
    let mut around: Vec<_> = judgement
        .sides
        .iter()
        .map(|pick| nodes.name_of(pick.edge.from))
        .collect();
    around.extend(around.first().copied());
    around.join(" -> ")
}

/// What is waited for with a timeout: such a wait stalls, it does not hang. The function that waits tells (`wait_for_completion_timeout()`).
fn timed(view: &View<'_>, sides: &[Pick<'_>]) -> String {
    let is_timed = |pick: &&Pick<'_>| {
        let function = view.function(pick.situation.request.stack);
        view.model.locks.is_wait(pick.edge.to) && function.is_some_and(|function| function.ends_with("_timeout"))
    };
    let waits = sides.iter().filter(is_timed);
    waits
        .map(|pick| {
            format!(
                "; the wait for {} has a timeout: it stalls, and does not hang",
                view.any_name(pick.edge.to)
            )
        })
        .collect()
}

/// What the kinds of cycles have in common.
fn of_cycle(
    view: &View<'_>,
    nodes: &Nodes<'_>,
    kind: &str,
    judgement: &Judgement<'_>,
    title: String,
    reason: String,
) -> Finding {
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
        level: judgement.level.name().to_string(),
        severity: severity(view, judgement).to_string(),
        title,
        locks: lock_names(nodes, &judgement.sides, &guards),
        dependencies: judgement
            .sides
            .iter()
            .map(|pick| scenario::number(pick.dependency))
            .collect(),
        reason,
        fingerprint: fingerprint::of(kind, &sides),
        scenario: scenario::of(view, nodes, &judgement.sides, &guards),
        first_ns: closed_ns,
        count: 1,
    }
}

/// A side for the fingerprint: classes, modes, functions.
fn side_text(view: &View<'_>, pick: &Pick<'_>) -> String {
    let taken_at = pick
        .situation
        .held
        .get(pick.from())
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
        snapshot::Mode::from(of).name()
    }
}

/// The locks of a cycle in its order, those in between included and guards left out; the smallest name first, each name once.
fn lock_names(nodes: &Nodes<'_>, sides: &[Pick<'_>], guards: &[LockId]) -> Vec<String> {
    let recursion = sides.iter().any(|pick| pick.edge.from == pick.edge.to);
    let mut names: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for pick in sides {
        let segment = pick.situation.held.iter().skip(pick.from());
        let between = segment
            .skip(1)
            .filter(|taken| !recursion && !guards.contains(&taken.lock));
        for lock in std::iter::once(pick.edge.from).chain(between.map(|taken| taken.lock)) {
            let name = nodes.name_of(lock);
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
