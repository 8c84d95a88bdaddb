//! Puts the document together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::breaks;
use super::context::Context;
use super::duration::Contention;
use super::findings;
use super::graph::{self, Evidence};
use super::held::Waiting;
use super::level::{Levels, is_validated};
use super::model::{Blocker, Model};
use super::objects::Objects;
use super::scenario::number;
use super::snapshot::{self, Capture, Finding, SCHEMA_VERSION, Snapshot, Tool};
use super::stack::StackId;
use super::task::{TaskId, TaskRef};
use super::view::View;
use super::wait_for::WaitFor;
use super::without;

/// Places of contention in a document; the sums by lock have them all.
const MAX_CONTENTION: usize = 1000;

/// All that is known now.
pub(crate) fn snapshot(model: &Model, context: &Context) -> Snapshot {
    let view = without::view(model, context);
    let wait_for = WaitFor::of(model);
    let levels = Levels::of(&view);
    let (findings, limits) = findings::all(&levels, &wait_for);
    Snapshot {
        schema_version: SCHEMA_VERSION.to_string(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        },
        kernel: context.kernel.clone(),
        capture: capture(&view, limits),
        locks: view.locks(),
        dependencies: dependencies(&view),
        windows: windows(&view),
        notifiers: notifiers(&view),
        waits: waits(&view, &wait_for, &findings),
        waited: waited(&view),
        contention: contention(&view),
        breaks: breaks::find(&levels, &findings),
        findings,
        suppressed: Vec::new(),
        sources: Vec::new(),
    }
}

fn capture(view: &View<'_>, limits: findings::Limits) -> Capture {
    let model = view.model;
    let held = &model.held.counts;
    let objects = Objects::of(view);
    let mut capture = view.context.capture.clone();
    let mut lost = [
        ("combinations_not_tried", limits.cut_short),
        ("components_not_searched", limits.unfinished),
        ("evidence_dropped", limits.evidence),
        ("held_overflow", held.overflows),
        ("requests_forgotten", model.counts.requests_forgotten),
        ("objects_by_class", objects.lost),
        ("notifiers_dropped", model.counts.notifiers_dropped),
        ("unmatched_release", held.unmatched_releases),
        ("windows_dropped", model.counts.windows_dropped),
        ("waits_dropped", model.counts.waits_dropped),
    ];
    add(&mut capture.lost, &mut lost);
    let mut counters = [
        ("chains", u64::try_from(model.chains.all().len()).unwrap_or(u64::MAX)),
        ("events", model.counts.events),
        (
            "evidence_not_kept",
            view.graph().evidence_dropped().saturating_sub(limits.evidence),
        ),
        ("foreign_release", held.foreign_releases),
        ("freed_while_held", held.freed_held),
        ("objects_not_told", objects.not_told),
        ("unknown_chain", model.counts.unknown_chains),
        ("unknown_window", model.counts.unknown_windows),
        ("unmatched_downgrade", held.unmatched_downgrades),
        ("unmatched_end", held.unmatched_ends),
        ("unmatched_failure", held.unmatched_failures),
    ];
    add(&mut capture.counters, &mut counters);
    capture.lost.retain(|_, count| *count > 0);
    capture.complete &= capture.lost.is_empty();
    capture
}

fn add(counters: &mut BTreeMap<String, u64>, counts: &mut [(&str, u64)]) {
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let counter = counters.entry((*name).to_string()).or_default();
        *counter = counter.saturating_add(*count);
    }
}

fn dependencies(view: &View<'_>) -> Vec<snapshot::Dependency> {
    let counts = view.model.dependency_counts(view.graph());
    let dependencies = (0u32..).zip(view.graph().dependencies().iter().zip(counts));
    dependencies
        .map(|(index, (dependency, count))| self::dependency(view, index, dependency, count))
        .collect()
}

fn dependency(view: &View<'_>, index: u32, dependency: &graph::Dependency, count: u64) -> snapshot::Dependency {
    let edge = dependency.edge;
    snapshot::Dependency {
        id: number(index),
        from: view.number(edge.from),
        to: view.number(edge.to),
        from_mode: edge.from_mode.into(),
        to_mode: edge.to_mode.into(),
        trylock: edge.trylock,
        direct: dependency.direct || dependency.all_evidence().any(|evidence| is_direct(view, evidence)),
        // What is owed is in no chain of its own.
        count: count.max(dependency.all_evidence().count() as u64),
        tasks: u64::try_from(dependency.tasks()).unwrap_or(u64::MAX),
        first_ns: dependency.first_ns,
        last_ns: dependency.last_ns,
        evidence: dependency
            .all_evidence()
            .filter_map(|evidence| self::evidence(view, evidence))
            .collect(),
    }
}

/// Whether nothing stands between that lockdep goes by: in `check_prevs_add()` it passes over trylocks and what it does not validate.
fn is_direct(view: &View<'_>, evidence: &Evidence) -> bool {
    let between = view.graph().situation(evidence).map(|situation| &situation.held);
    let mut between = between.into_iter().flatten().skip(usize::from(evidence.from) + 1);
    between.all(|taken| taken.trylock || !is_validated(view.class(taken.lock)))
}

fn evidence(view: &View<'_>, evidence: &Evidence) -> Option<snapshot::Evidence> {
    let situation = view.graph().situation(evidence)?;
    let (task, pid) = view.task(evidence.task);
    let stack = |stack: StackId| view.stack(stack);
    Some(snapshot::Evidence {
        task,
        pid,
        held: view.held(&situation.held),
        from_stack: situation
            .held
            .get(usize::from(evidence.from))
            .map(|from| stack(from.stack))
            .unwrap_or_default(),
        to_stack: stack(situation.request.stack),
        origin: view.origin(evidence),
        window: view
            .graph()
            .window(evidence)
            .and_then(|key| view.model.windows.get(&key))
            .map(|window| window.number),
        time_ns: evidence.time_ns,
    })
}

fn windows(view: &View<'_>) -> Vec<snapshot::Window> {
    let mut windows: Vec<_> = view.model.windows.values().collect();
    windows.sort_by_key(|window| window.number);
    let document = windows.into_iter().map(|window| {
        let (task, pid) = view.task(window.task);
        snapshot::Window {
            kind: "devlink-reload".to_string(),
            handle: window.begin.handle.clone(),
            action: window.begin.action.clone(),
            limit: window.begin.limit.clone(),
            netns_from: window.begin.netns_from,
            netns_to: window.begin.netns_to,
            start_ns: window.begin.time_ns,
            end_ns: window.end.map(|(_, time_ns)| time_ns),
            result: window.end.map(|(result, _)| result),
            task,
            pid,
        }
    });
    document.collect()
}

fn notifiers(view: &View<'_>) -> Vec<snapshot::Notifier> {
    let notifiers = view.model.notifiers.iter().map(|(notifier, held)| {
        let (task, pid) = view.task(notifier.task);
        let window = notifier.change.window.and_then(|key| view.model.windows.get(&key));
        snapshot::Notifier {
            function: notifier.change.function.clone(),
            chain: notifier.change.chain.clone(),
            callback: view.frame(&notifier.change.callback).to_string(),
            task,
            pid,
            held: view.held(held),
            stack: view.frames(&notifier.change.stack),
            window: window.map(|window| window.number),
            time_ns: notifier.change.time_ns,
        }
    });
    notifiers.collect()
}

/// Long waits that are over.
fn waited(view: &View<'_>) -> Vec<snapshot::Wait> {
    let waited = view.model.waited.iter().map(|waited| snapshot::Wait {
        until_ns: Some(waited.until_ns),
        on: waited.on.iter().map(|blocker| view.task(blocker.task).0).collect(),
        holders: waited.on.iter().filter_map(|blocker| holder(view, blocker)).collect(),
        ..wait(view, waited.task, &waited.waiting)
    });
    waited.collect()
}

/// What is known of any wait.
fn wait(view: &View<'_>, task: TaskRef, waiting: &Waiting) -> snapshot::Wait {
    let request = waiting.request;
    let (task, pid) = view.task(task);
    snapshot::Wait {
        task,
        pid,
        lock: view.number(request.lock),
        mode: request.mode.into(),
        since_ns: waiting.since_ns,
        until_ns: None,
        held: Vec::new(),
        stack: view.stack(request.stack),
        on: Vec::new(),
        holders: Vec::new(),
        in_circle: false,
        finding: None,
    }
}

/// Tasks that wait, and the deadlock that each is in or stuck behind.
fn waits(view: &View<'_>, wait_for: &WaitFor, findings: &[Finding]) -> Vec<snapshot::Wait> {
    let name = |task: TaskId| view.task(view.model.tasks.present(task)).0;
    let waiters = wait_for.waiters.iter().map(|waiter| {
        let task = view.model.tasks.present(waiter.task);
        let circle = waiter.circle.and_then(|index| wait_for.circles.get(index));
        snapshot::Wait {
            held: view.held(view.model.held.of(waiter.task)),
            on: waiter.on.iter().map(|&task| name(task)).collect(),
            holders: waiter
                .on
                .iter()
                .filter_map(|&task| holder(view, &view.model.blocker(task)))
                .collect(),
            in_circle: circle.is_some_and(|circle| circle.0.contains(&waiter.task)),
            finding: circle.and_then(|circle| {
                let first = circle.0.first().map(|&task| name(task))?;
                let deadlocks = findings.iter().filter(|finding| finding.kind == "deadlock");
                let with = |finding: &&Finding| finding.scenario.iter().any(|side| side.task == first);
                deadlocks.into_iter().find(with).map(|finding| finding.id)
            }),
            ..wait(view, task, &waiter.waiting)
        }
    });
    waiters.collect()
}

/// Where a task is that does not wait itself.
fn holder(view: &View<'_>, blocker: &Blocker) -> Option<snapshot::Holder> {
    let stack = view.stack(blocker.at?);
    let (task, pid) = view.task(blocker.task);
    Some(snapshot::Holder {
        task,
        pid,
        held: view.held(&blocker.held),
        stack,
    })
}

/// The places where most time was spent on waiting.
fn contention(view: &View<'_>) -> Vec<snapshot::Contention> {
    let mut places: Vec<_> = view.model.durations.waited.values().collect();
    places.retain(|place| place.durations.count > 0);
    places.sort_by_key(|place| Reverse(place.durations.total_ns));
    let places = places.into_iter().take(MAX_CONTENTION);
    let place = |place: &Contention| snapshot::Contention {
        lock: view.number(place.request.lock),
        mode: place.request.mode.into(),
        stack: view.stack(place.request.stack),
        waited: place.durations,
    };
    places.map(place).collect()
}
