//! The difference as data: the document of `docs/formats.md` §4, in stable order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::findings;
use super::super::snapshot::{Mode, Tool};

/// Version of the document's shape: minor for additions, major for anything else.
pub const SCHEMA_VERSION: &str = "1.0";

/// What B has and A has not, the other way round, and what both have and is not the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// `1.x`
    pub schema_version: String,
    /// Who wrote it.
    pub tool: Tool,
    /// What is compared: before the change.
    pub a: Side,
    /// What it is compared with: after the change.
    pub b: Side,
    /// What makes the comparison weaker than it looks, in words: losses, different backends, places that could not be compared.
    pub warnings: Vec<String>,
    /// Cycles and violations, most severe first.
    pub findings: FindingChanges,
    /// Held class -> requested class, in order of their names.
    pub dependencies: DependencyChanges,
}

impl Diff {
    /// Whether nothing is new, gone or changed.
    pub fn is_empty(&self) -> bool {
        let (findings, dependencies) = (&self.findings, &self.dependencies);
        findings.new.is_empty()
            && findings.gone.is_empty()
            && findings.changed.is_empty()
            && dependencies.new.is_empty()
            && dependencies.gone.is_empty()
            && dependencies.changed.is_empty()
    }

    /// Whether both captures saw everything.
    pub fn is_complete(&self) -> bool {
        self.a.complete && self.b.complete
    }
}

/// One of the two files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Its name as the user gave it; null for standard input.
    pub file: Option<String>,
    /// `uname -r`; null where the file does not tell.
    pub kernel: Option<String>,
    /// `fentry`, `text-trace`, ...
    pub backend: String,
    /// False when any loss can have hidden something.
    pub complete: bool,
    /// What was lost, by counter.
    pub lost: BTreeMap<String, u64>,
    /// How many dependencies between classes it has.
    pub dependencies: u64,
    /// How many findings it has.
    pub findings: u64,
}

/// Dependencies that are not the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DependencyChanges {
    /// A has none between these classes in these modes.
    pub new: Vec<DependencyChange>,
    /// B has none.
    pub gone: Vec<DependencyChange>,
    /// Both have it, at other places or with other properties.
    pub changed: Vec<DependencyChange>,
    /// Places of one side that could be one of the other side, where a function is not known: neither new nor gone.
    pub places_not_compared: u64,
}

/// A dependency between two classes in their modes. `a` is null when it is new, `b` when it is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DependencyChange {
    /// Class of the held lock.
    pub from: String,
    /// How it is held.
    pub from_mode: Mode,
    /// Class of the requested lock.
    pub to: String,
    /// How it is requested.
    pub to_mode: Mode,
    /// What is not the same where both have it: `places`, `direct`, `trylock`.
    pub changed: Vec<String>,
    /// What A knows of it.
    pub a: Option<DependencySide>,
    /// What B knows of it.
    pub b: Option<DependencySide>,
    /// Places that only B has, in order of their functions.
    pub places_new: Vec<Place>,
    /// Places that only A has.
    pub places_gone: Vec<Place>,
}

/// What one side knows of a dependency, over all locks of the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DependencySide {
    /// How often seen.
    pub count: u64,
    /// At how many places.
    pub places: u64,
    /// lockdep would record it too, for some of the locks.
    pub direct: bool,
    /// The held lock was only ever taken by a trylock.
    pub trylock: bool,
}

/// Where a dependency was seen. The functions tell places apart; the rest is an example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The function that took the held lock; null where the source tells none.
    pub from_function: Option<String>,
    /// The function that requested the other lock; null where the source tells none.
    pub to_function: Option<String>,
    /// The held lock was taken at: `function+0x1c/0x80 [module]`.
    pub from_frame: Option<String>,
    /// The other lock was requested at.
    pub to_frame: Option<String>,
    /// A task that was seen there.
    pub task: String,
    /// Why it was in the kernel.
    pub origin: Option<String>,
}

/// Findings that are not the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingChanges {
    /// A has none like it.
    pub new: Vec<FindingChange>,
    /// B has none like it.
    pub gone: Vec<FindingChange>,
    /// Both have it, with another verdict, severity or level, or at other places.
    pub changed: Vec<FindingChange>,
}

/// A finding. `a` is null when it is new, `b` when it is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingChange {
    /// `recursion`, `inversion`, ...
    pub kind: String,
    /// What is not the same where both have it: `verdict`, `severity`, `level`, `places`.
    pub changed: Vec<String>,
    /// As A has it.
    pub a: Option<FindingSide>,
    /// As B has it.
    pub b: Option<FindingSide>,
}

impl FindingChange {
    /// The severity that B brings: of what is new, or of what got more severe than it was in A.
    pub fn worse(&self) -> Option<&str> {
        let now = &self.b.as_ref()?.severity;
        let more_severe =
            |before: &FindingSide| findings::severity_rank(now) < findings::severity_rank(&before.severity);
        self.a.as_ref().is_none_or(more_severe).then_some(now)
    }

    /// Whether it is of severity `note` wherever it is.
    pub fn is_note(&self) -> bool {
        self.a.iter().chain(&self.b).all(|side| side.severity == "note")
    }
}

/// A finding as one side has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingSide {
    /// `certain`, `possible`, ...; null for kinds that are no cycle.
    pub verdict: Option<String>,
    /// `critical`, `error`, `warning`, `note`
    pub severity: String,
    /// `instance` or `class`
    pub level: String,
    /// One line, with the names of an example.
    pub title: String,
    /// Why this verdict, in words, with the names of the example.
    pub reason: String,
    /// Classes of its locks in the order of the cycle, from the smallest on.
    pub classes: Vec<String>,
    /// Same bug, same fingerprint.
    pub fingerprint: String,
    /// How often, of all findings with this fingerprint.
    pub count: u64,
    /// Its sides.
    pub sides: Vec<FindingPlace>,
}

/// One side of a cycle: a dependency, and where the example has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingPlace {
    /// Class of the held lock.
    pub from: String,
    /// How it is held.
    pub from_mode: Mode,
    /// Class of the requested lock.
    pub to: String,
    /// How it is requested.
    pub to_mode: Mode,
    /// Where.
    pub place: Place,
}
