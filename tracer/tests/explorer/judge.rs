//! Compares what the engine finds in one trace with what can really happen.

use std::collections::BTreeMap;

use tracer::analysis::snapshot::{Finding, Snapshot};

use super::explore::{Cycle, Explored, Search, explore};
use super::generate::{self, Class};
use super::machine::{Machine, Resources};
use super::program::Program;
use super::trace::{self, Trace};

/// States of a program that are looked at; programs with more are left out.
const MAX_STATES: usize = 2_000_000;

/// A name in a finding that is none of the program's.
const UNKNOWN: Resources = 1 << 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// It can deadlock, the trace shows all of the program, and nothing at warning or above was found.
    MissedEntirely,
    /// Something was found, but nothing for one of the wait cycles.
    Missed,
    /// The trace ends in a deadlock, and there is no critical finding.
    HungUntold,
    /// `possible`, `certain` or `deadlock`, and there is no such wait cycle.
    False,
    /// The trace shows all of the program, a cycle is `guarded`, `ordered` or `single-task` and nothing above it, and there is such a
    /// wait cycle that no smaller one is part of.
    Hidden,
}

pub const FAILURES: [Failure; 5] = [
    Failure::MissedEntirely,
    Failure::Missed,
    Failure::HungUntold,
    Failure::False,
    Failure::Hidden,
];

#[derive(Debug)]
pub struct Judged {
    pub program: Program,
    pub trace: Trace,
    /// `None` when the program has too many states.
    pub explored: Option<Explored>,
    pub findings: Vec<Finding>,
    /// By verdict: findings, and how many of them have a wait cycle.
    pub verdicts: BTreeMap<String, (u64, u64)>,
    /// Each with the number of findings or wait cycles that fail, and one of them in words.
    pub failures: BTreeMap<Failure, (u64, String)>,
}

pub fn seed(class: Class, seed: u64) -> Judged {
    program(generate::program(class, seed), seed)
}

/// Judges one program by the trace that this seed gives.
pub fn program(program: Program, seed: u64) -> Judged {
    judge(program, seed, |trace| {
        let snapshot = tracer::import::read_from("trace", trace.as_bytes());
        snapshot.unwrap_or_else(|error| panic!("{error}\n{trace}"))
    })
}

/// The same with another engine.
pub fn judge(program: Program, seed: u64, engine: impl Fn(&str) -> Snapshot) -> Judged {
    let machine = Machine::new(&program);
    let explored = explore(&machine, Search::Reduced, MAX_STATES);
    let trace = trace::trace(&machine, seed);
    let mut judged = Judged {
        program: program.clone(),
        trace,
        explored: None,
        findings: Vec::new(),
        verdicts: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    if let Some(explored) = explored {
        let snapshot = engine(&judged.trace.text);
        judged.compare(&snapshot, &explored);
        judged.explored = Some(explored);
        judged.findings = snapshot.findings;
    }
    judged
}

/// A finding about a cycle, by the bits of what its sides start from.
struct Found<'s> {
    finding: &'s Finding,
    verdict: &'s str,
    nodes: Resources,
}

impl Judged {
    fn compare(&mut self, snapshot: &Snapshot, explored: &Explored) {
        let names = self.program.resource_names();
        let found: Vec<_> = snapshot
            .findings
            .iter()
            .filter_map(|finding| found(snapshot, &names, finding))
            .collect();
        for found in &found {
            let real = explored.cycles.iter().any(|cycle| cycle.resources == found.nodes);
            let (all, reachable) = self.verdicts.entry(found.verdict.to_string()).or_default();
            *all += 1;
            *reachable += u64::from(real);
            match found.verdict {
                "possible" | "certain" | "deadlock" if !real && found.finding.level == "instance" => {
                    self.fail(Failure::False, || found.text());
                }
                _ => {}
            }
        }
        self.hidden(&found, explored);
        self.missed(&found, explored, &names);
    }

    fn hidden(&mut self, found: &[Found<'_>], explored: &Explored) {
        if !self.trace.whole {
            return;
        }
        for note in found.iter().filter(|found| !found.is_told()) {
            // With readers a circle can go through a smaller one: the finding about that one stands for both.
            let mut minimal = explored.cycles.iter().filter(|cycle| cycle.minimal);
            let real = minimal.any(|cycle| cycle.resources == note.nodes);
            let told = found.iter().any(|other| other.is_told() && other.nodes == note.nodes);
            if real && !told {
                self.fail(Failure::Hidden, || note.text());
            }
        }
    }

    fn missed(&mut self, found: &[Found<'_>], explored: &Explored, names: &[String]) {
        let critical = found.iter().any(|found| found.finding.severity == "critical");
        if !self.trace.completed && !critical {
            self.fail(Failure::HungUntold, || "hangs".to_string());
        }
        if !self.trace.whole {
            return;
        }
        let told: Vec<_> = found.iter().filter(|found| found.is_told()).collect();
        let covers = |cycle: &Cycle| told.iter().any(|found| found.nodes & !cycle.involved == 0);
        let which = if told.is_empty() {
            Failure::MissedEntirely
        } else {
            Failure::Missed
        };
        for cycle in explored.cycles.iter().filter(|cycle| !covers(cycle)) {
            let resources = (0..).zip(names).filter(|(bit, _)| cycle.resources & 1 << bit != 0);
            let resources: Vec<_> = resources.map(|(_, name)| name.as_str()).collect();
            self.fail(which, || format!("wait cycle {{{}}}", resources.join(" ")));
        }
    }

    fn fail(&mut self, failure: Failure, text: impl FnOnce() -> String) {
        let (count, _) = self.failures.entry(failure).or_insert_with(|| (0, text()));
        *count += 1;
    }

    /// All that is needed to look into a failure.
    pub fn report(&self) -> String {
        let mut text = format!("{}", self.program);
        for (failure, (_, what)) in &self.failures {
            text.push_str(&format!("  {failure:?}: {what}\n"));
        }
        for finding in &self.findings {
            let verdict = finding.verdict.as_deref().unwrap_or("-");
            text.push_str(&format!("  found: {verdict} {}: {}\n", finding.title, finding.reason));
        }
        text + &self.trace.text
    }
}

impl Found<'_> {
    fn is_told(&self) -> bool {
        matches!(self.finding.severity.as_str(), "warning" | "error" | "critical")
    }

    fn text(&self) -> String {
        format!("{} {}", self.verdict, self.finding.title)
    }
}

fn found<'s>(snapshot: &'s Snapshot, names: &[String], finding: &'s Finding) -> Option<Found<'s>> {
    let verdict = finding.verdict.as_deref()?;
    let from = |id: &u32| {
        let dependency = snapshot.dependencies.iter().find(|dependency| dependency.id == *id)?;
        let lock = snapshot.locks.iter().find(|lock| lock.id == dependency.from)?;
        Some(lock.name.as_str())
    };
    let bit = |name: Option<&str>| {
        let position = names.iter().position(|known| Some(known.as_str()) == name);
        position.map_or(UNKNOWN, |position| 1 << position)
    };
    let nodes = if finding.dependencies.is_empty() {
        finding
            .locks
            .iter()
            .map(|name| bit(Some(name)))
            .fold(0, |all, bit| all | bit)
    } else {
        let sides = finding.dependencies.iter().map(from);
        sides.map(bit).fold(0, |all, bit| all | bit)
    };
    Some(Found {
        finding,
        verdict,
        nodes,
    })
}
