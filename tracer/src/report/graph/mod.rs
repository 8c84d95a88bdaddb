//! Locks and dependencies as nodes and edges, for the formats that draw them.

pub(crate) mod layout;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::excerpt;
use super::phrase::lock_name;
use crate::analysis::fingerprint;
use crate::analysis::snapshot::{Dependency, Evidence, Finding, Snapshot};

/// What is drawn.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

/// A lock.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: u32,
    pub(super) name: String,
    /// Its class, where that is not its name.
    pub(super) class: Option<String>,
}

/// A dependency.
#[derive(Debug)]
pub(super) struct Edge {
    /// Index of the held lock.
    pub(super) from: usize,
    /// Index of the requested lock.
    pub(super) to: usize,
    /// `shared -> exclusive`
    pub(super) modes: String,
    /// The findings that it is a side of, and the most severe severity of them.
    pub(super) findings: Vec<u32>,
    pub(super) severity: Option<String>,
    /// Who, and the functions: `devlink`, `held since cleanup_net`, `requested in unregister_netdevice_notifier`.
    pub(super) places: Vec<String>,
}

/// The dependencies of findings, or all of them.
pub(super) fn of(snapshot: &Snapshot, notes: bool, all: bool) -> Graph {
    let shown = excerpt::shown(snapshot, notes);
    let mut sides: BTreeMap<u32, Vec<(&Finding, u32)>> = BTreeMap::new();
    // Findings are in order of severity, the most severe first.
    for finding in &shown {
        for side in &finding.scenario {
            sides.entry(side.dependency).or_default().push((finding, side.evidence));
        }
        for &dependency in &finding.dependencies {
            let of = sides.entry(dependency).or_default();
            if !of.iter().any(|(other, _)| other.id == finding.id) {
                of.push((finding, 0));
            }
        }
    }
    let is_drawn = |dependency: &&Dependency| all || sides.contains_key(&dependency.id);
    let drawn: Vec<_> = snapshot.dependencies.iter().filter(is_drawn).collect();
    let ends: BTreeSet<_> = drawn
        .iter()
        .flat_map(|dependency| [dependency.from, dependency.to])
        .collect();
    let nodes: Vec<_> = ends.iter().map(|&id| node(snapshot, id)).collect();
    let index = |id: u32| ends.iter().position(|&end| end == id).unwrap_or_default();
    let edges = drawn.iter().map(|dependency| {
        let of = sides.get(&dependency.id).map_or(&[][..], |of| of);
        let mut findings: Vec<_> = of.iter().map(|(finding, _)| finding.id).collect();
        findings.dedup();
        let shown = of.first().map_or(0, |&(_, evidence)| evidence);
        Edge {
            from: index(dependency.from),
            to: index(dependency.to),
            modes: modes(dependency),
            findings,
            severity: of.first().map(|(finding, _)| finding.severity.clone()),
            places: dependency.evidence.get(shown as usize).map(places).unwrap_or_default(),
        }
    });
    let edges = edges.collect();
    Graph { nodes, edges }
}

fn node(snapshot: &Snapshot, id: u32) -> Node {
    let name = lock_name(snapshot, id).to_string();
    let class = snapshot
        .locks
        .iter()
        .find(|lock| lock.id == id)
        .map(|lock| lock.class.clone());
    let class = class.filter(|class| *class != name);
    Node { id, name, class }
}

fn modes(dependency: &Dependency) -> String {
    let trylock = if dependency.trylock { ", trylock" } else { "" };
    format!("{}{trylock} -> {}", dependency.from_mode, dependency.to_mode)
}

fn places(evidence: &Evidence) -> Vec<String> {
    let from = place(&evidence.from_stack).map(|from| format!("held since {from}"));
    let to = place(&evidence.to_stack).map(|to| format!("requested in {to}"));
    [Some(evidence.task.clone()), from, to].into_iter().flatten().collect()
}

/// The innermost function that is no locking primitive; without one, the innermost frame.
fn place(stack: &[Arc<str>]) -> Option<&str> {
    let named = fingerprint::innermost(stack).map(|(function, _)| function);
    named.or_else(|| stack.first().map(|frame| &**frame))
}

/// The colour of a severity: told from white and from black.
pub(super) fn color(severity: Option<&str>) -> &'static str {
    match severity {
        Some("critical") => "#c026d3",
        Some("error") => "#dc2626",
        Some("warning") => "#b7791f",
        Some(_) => "#3b82f6",
        None => "#808890",
    }
}
