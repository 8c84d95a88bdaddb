//! The part of a report that is shown as text: a document can be far larger than what is read of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::snapshot::{Dependency, Evidence, Finding, Held, Snapshot};
use crate::analysis::source::frames;

/// The evidence that findings show, by the dependency's id.
type Shown = BTreeMap<u32, BTreeSet<u32>>;

/// The findings that are shown: notes only when they are asked for.
pub(super) fn shown(snapshot: &Snapshot, notes: bool) -> Vec<&Finding> {
    let is_shown = |finding: &&Finding| notes || finding.severity != "note";
    snapshot.findings.iter().filter(is_shown).collect()
}

/// The document of one finding, by its id: what it shows, and nothing of the others.
pub fn only(snapshot: &Snapshot, finding: u32) -> Snapshot {
    let meant: Vec<_> = snapshot.findings.iter().filter(|known| known.id == finding).collect();
    let mut only = of(snapshot, &meant);
    only.breaks.retain(|of| of.findings == [finding]);
    only.waits.retain(|wait| wait.finding == Some(finding));
    only.suppressed.clear();
    only
}

/// The document with the dependencies, the evidence and the locks that these findings and the summary show.
///
/// What is shown keeps its id and its place; evidence that is not shown is empty.
pub(super) fn of(snapshot: &Snapshot, findings: &[&Finding]) -> Snapshot {
    let mut shown = Shown::new();
    for side in findings.iter().flat_map(|finding| &finding.scenario) {
        shown.entry(side.dependency).or_default().insert(side.evidence);
    }
    let dependencies: Vec<_> = snapshot
        .dependencies
        .iter()
        .filter_map(|of| Some(dependency(of, shown.get(&of.id)?)))
        .collect();
    let locks = locks(snapshot, &dependencies);
    let mut excerpt = Snapshot {
        schema_version: snapshot.schema_version.clone(),
        tool: snapshot.tool.clone(),
        kernel: snapshot.kernel.clone(),
        capture: snapshot.capture.clone(),
        locks: snapshot
            .locks
            .iter()
            .filter(|lock| locks.contains(&lock.id))
            .cloned()
            .collect(),
        dependencies,
        windows: snapshot.windows.clone(),
        notifiers: snapshot.notifiers.clone(),
        waits: snapshot.waits.clone(),
        waited: snapshot.waited.clone(),
        contention: snapshot.contention.clone(),
        findings: findings.iter().map(|&finding| finding.clone()).collect(),
        breaks: snapshot.breaks.clone(),
        suppressed: snapshot.suppressed.clone(),
        sources: Vec::new(),
    };
    let frames = frames(&excerpt);
    let sources = snapshot.sources.iter();
    excerpt.sources = sources
        .filter(|source| frames.contains(source.frame.as_str()))
        .cloned()
        .collect();
    excerpt
}

fn dependency(of: &Dependency, shown: &BTreeSet<u32>) -> Dependency {
    let evidence = (0u32..).zip(&of.evidence).map(|(number, evidence)| {
        if shown.contains(&number) {
            evidence.clone()
        } else {
            Evidence::default()
        }
    });
    Dependency {
        id: of.id,
        from: of.from,
        to: of.to,
        from_mode: of.from_mode,
        to_mode: of.to_mode,
        trylock: of.trylock,
        direct: of.direct,
        count: of.count,
        tasks: of.tasks,
        first_ns: of.first_ns,
        last_ns: of.last_ns,
        evidence: evidence.collect(),
    }
}

/// The locks that are called by their names somewhere.
fn locks(snapshot: &Snapshot, dependencies: &[Dependency]) -> BTreeSet<u32> {
    let evidence = dependencies.iter().flat_map(|dependency| &dependency.evidence);
    let held = evidence.flat_map(|evidence| &evidence.held);
    let held = held.chain(snapshot.notifiers.iter().flat_map(|notifier| &notifier.held));
    let ends = dependencies
        .iter()
        .flat_map(|dependency| [dependency.from, dependency.to]);
    let waits = snapshot.all_waits().map(|wait| wait.lock);
    let holders = snapshot.all_waits().flat_map(|wait| &wait.holders);
    let held = held.chain(holders.flat_map(|holder| &holder.held));
    let waits = waits.chain(snapshot.contention.iter().map(|place| place.lock));
    held.map(|held: &Held| held.lock).chain(ends).chain(waits).collect()
}
