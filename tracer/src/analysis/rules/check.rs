//! Order rules: one class before another, whoever takes them. A rule that is broken is told before the second half of a cycle ever runs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::error::Place;
use super::index::Index;
use super::pattern::Pattern;
use crate::analysis::fingerprint;
use crate::analysis::snapshot::{Dependency, Evidence, Finding, Mode, ScenarioStep, Side};

/// Kind of a finding that a rule makes.
pub(super) const KIND: &str = "order-rule";

/// End of a reason that tells the cycle.
const CLOSES: &str = " is the cycle it closes";

/// What has to be taken before what.
#[derive(Clone, Debug)]
pub(super) struct OrderRule {
    pub(super) name: String,
    pub(super) before: Vec<Pattern>,
    pub(super) after: Vec<Pattern>,
    pub(super) reason: String,
    pub(super) source: String,
    pub(super) place: Place,
}

/// Dependencies that break a rule at the same places.
struct Broken<'a> {
    dependency: &'a Dependency,
    evidence: Option<(usize, &'a Evidence)>,
    dependencies: Vec<u32>,
    first_ns: u64,
}

/// Everything that breaks a rule: one finding per rule, classes, modes and functions.
pub(super) fn find(index: &Index<'_>, rules: &[OrderRule]) -> Vec<Finding> {
    rules.iter().flat_map(|rule| of_rule(index, rule)).collect()
}

fn of_rule(index: &Index<'_>, rule: &OrderRule) -> Vec<Finding> {
    let (before, after) = (index.meant(&rule.before), index.meant(&rule.after));
    if before.is_empty() || after.is_empty() {
        return Vec::new();
    }
    let mut broken: BTreeMap<String, Broken<'_>> = BTreeMap::new();
    let dependencies = index.dependencies.iter();
    for dependency in dependencies.filter(|held| after.contains(&held.from) && before.contains(&held.to)) {
        if dependency.evidence.is_empty() {
            add(index, &mut broken, dependency, None);
        }
        for evidence in dependency.evidence.iter().enumerate() {
            add(index, &mut broken, dependency, Some(evidence));
        }
    }
    let findings = broken.iter().map(|(side, broken)| finding(index, rule, side, broken));
    findings.collect()
}

fn add<'a>(
    index: &Index<'_>,
    broken: &mut BTreeMap<String, Broken<'a>>,
    dependency: &'a Dependency,
    evidence: Option<(usize, &'a Evidence)>,
) {
    let first_ns = evidence.map_or(dependency.first_ns, |(_, evidence)| evidence.time_ns);
    let side = side_text(index, dependency, evidence.map(|(_, evidence)| evidence));
    let broken = broken.entry(side).or_insert(Broken {
        dependency,
        evidence,
        dependencies: Vec::new(),
        first_ns,
    });
    broken.first_ns = broken.first_ns.min(first_ns);
    // Dependencies come one after the other, each with all its evidence.
    if broken.dependencies.last() != Some(&dependency.id) {
        broken.dependencies.push(dependency.id);
    }
}

/// A side for the fingerprint, as cycles have it: classes, modes, functions.
fn side_text(index: &Index<'_>, dependency: &Dependency, evidence: Option<&Evidence>) -> String {
    let function = |stack: fn(&Evidence) -> &Vec<Arc<str>>| {
        let found = evidence.and_then(|evidence| fingerprint::innermost(stack(evidence)));
        found.map_or("", |(function, _)| function)
    };
    format!(
        "{}|{}|{}|{}|{}|{}",
        index.class(dependency.from),
        dependency.from_mode,
        function(|evidence| &evidence.from_stack),
        index.class(dependency.to),
        dependency.to_mode,
        function(|evidence| &evidence.to_stack),
    )
}

fn finding(index: &Index<'_>, rule: &OrderRule, side: &str, broken: &Broken<'_>) -> Finding {
    let (held, requested) = (index.class(broken.dependency.from), index.class(broken.dependency.to));
    let mut locks = vec![held.to_string(), requested.to_string()];
    locks.sort();
    Finding {
        id: 0,
        kind: KIND.to_string(),
        verdict: None,
        level: "class".to_string(),
        severity: "warning".to_string(),
        title: format!("order rule broken: {held} -> {requested}"),
        locks,
        dependencies: broken.dependencies.clone(),
        reason: format!(
            "rule \"{}\": {requested} is requested while {held} is held, but has to be taken before it: {} ({})",
            rule.name, rule.reason, rule.source
        ),
        fingerprint: fingerprint::of(KIND, &[format!("{}\n{side}", rule.name)]),
        scenario: broken
            .evidence
            .map(|(number, evidence)| scenario(index, broken.dependency, number, evidence))
            .into_iter()
            .collect(),
        first_ns: broken.first_ns,
        count: u64::try_from(broken.dependencies.len()).unwrap_or(u64::MAX),
    }
}

/// What the task does: everything from the held lock up to the one that it waits for.
fn scenario(index: &Index<'_>, dependency: &Dependency, number: usize, evidence: &Evidence) -> Side {
    let held = evidence.held.iter().skip_while(|held| held.lock != dependency.from);
    let mut steps: Vec<_> = held
        .map(|held| step(index.name(held.lock), held.trylock, held.mode, "held"))
        .collect();
    steps.push(step(index.name(dependency.to), false, dependency.to_mode, "waits"));
    Side {
        task: evidence.task.clone(),
        pid: evidence.pid,
        origin: evidence.origin.clone(),
        steps,
        dependency: dependency.id,
        evidence: u32::try_from(number).unwrap_or(u32::MAX),
    }
}

fn step(lock: &str, trylock: bool, mode: Mode, state: &str) -> ScenarioStep {
    ScenarioStep {
        op: if trylock { "trylock" } else { "lock" }.to_string(),
        lock: lock.to_string(),
        mode,
        state: state.to_string(),
    }
}

/// Name of the rule that a finding says is broken. Its reason begins with it: a name has no quotes.
pub(super) fn rule_of(finding: &Finding) -> Option<&str> {
    if finding.kind != KIND {
        return None;
    }
    let (name, _) = finding.reason.strip_prefix("rule \"")?.split_once('"')?;
    Some(name)
}

/// Tells with each broken rule the cycle that goes through the same dependency, now that findings have their numbers.
pub(super) fn name_cycles(index: &Index<'_>, findings: &mut [Finding]) {
    let mut cycles: HashMap<(&str, &str), u32> = HashMap::new();
    let serious = |finding: &&Finding| finding.verdict.is_some() && ["critical", "error"].contains(&&*finding.severity);
    for finding in findings.iter().filter(serious) {
        for ends in finding.dependencies.iter().filter_map(|&number| index.ends(number)) {
            cycles.entry(ends).or_insert(finding.id);
        }
    }
    for finding in findings.iter_mut().filter(|finding| finding.kind == KIND) {
        forget_cycle(finding);
        let ends = finding.dependencies.first().and_then(|&number| index.ends(number));
        if let Some(cycle) = ends.and_then(|ends| cycles.get(&ends)) {
            finding.reason.push_str(&format!("; finding #{cycle}{CLOSES}"));
        }
    }
}

/// Takes back what [`name_cycles`] said: a report that is read has the number it was written with.
pub(super) fn forget_cycle(finding: &mut Finding) {
    if finding.kind == KIND
        && finding.reason.ends_with(CLOSES)
        && let Some(end) = finding.reason.rfind("; finding #")
    {
        finding.reason.truncate(end);
    }
}
