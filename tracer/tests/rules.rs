//! Order rules and allowed findings, on traces: what breaks a rule, what does not, and what an allow list leaves.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use proptest::prelude::*;
use support::{line, lines, read, trace};
use tracer::analysis::rules::{self, RuleSet};
use tracer::analysis::snapshot::{Finding, Snapshot};

fn case(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"))
}

/// The built-in rules and those of a text.
fn rule_set(text: &str) -> RuleSet {
    let mut rules = RuleSet::default();
    rules.add_built_in().expect("the built-in rules");
    rules.add("rules.toml", text).expect("a rule file");
    rules
}

fn checked(text: &str, rules: &str) -> Snapshot {
    let mut snapshot = read(text);
    rules::apply(&mut snapshot, &rule_set(rules));
    snapshot
}

/// Names of the rules that are broken.
fn broken(text: &str) -> Vec<String> {
    let snapshot = checked(text, "");
    let broken = snapshot.findings.iter().filter(|finding| finding.kind == "order-rule");
    broken
        .map(|finding| finding.reason.split('"').nth(1).expect("a name").to_string())
        .collect()
}

/// Cases in which a rule is broken; in all the others none is.
const BROKEN: &[(&str, &[&str])] = &[
    ("c03", &["devlink before rtnl"]),
    // Only the state lock is tried for: the devlink lock is requested under RTNL as before.
    ("c03-trylock", &["devlink before rtnl"]),
];

#[test]
fn the_cases_break_the_rules_that_they_break() {
    for entry in std::fs::read_dir(case("c01").parent().expect("a folder")).expect("the cases") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let expected = BROKEN
            .iter()
            .find(|(case, _)| *case == name)
            .map_or(&[][..], |(_, rules)| rules);
        assert_eq!(
            broken(&std::fs::read_to_string(&path).expect("a case")),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_rule_is_broken_before_the_other_half_runs() {
    assert_eq!(
        broken(&trace("T1: rtnl_mutex &devlink->lock", "M")),
        ["devlink before rtnl"]
    );
    assert_eq!(
        broken(&trace("T1: rtnl_mutex other &devlink->lock", "M")),
        ["devlink before rtnl"],
        "whatever is taken in between"
    );
    assert_eq!(
        broken(&trace("T1: rtnl_mutex R(pernet_ops_rwsem)", "M")),
        ["pernet_ops_rwsem before rtnl"],
        "shared or not"
    );
}

#[test]
fn what_keeps_the_order_breaks_nothing() {
    for notation in [
        "T1: &devlink->lock rtnl_mutex",
        "T1: rtnl_mutex try(&devlink->lock)",
        "T1: rtnl_mutex / T1: &devlink->lock",
        "T1: rtnl_mutex / T2: &devlink->lock",
        "T1: rtnl_mutex &dev->lock",
        "T1: &dev->mutex &devlink->lock",
        "T1: &devlink->lock &dev->mutex",
        "T1: rtnl_mutex &devlink->locked",
    ] {
        assert_eq!(broken(&trace(notation, "M")), Vec::<String>::new(), "{notation}");
    }
    assert_eq!(
        broken(&trace("T1: try(rtnl_mutex) &devlink->lock", "M")),
        ["devlink before rtnl"],
        "a lock held through a trylock is held"
    );
}

#[test]
fn one_finding_whatever_the_number_of_instances() {
    let both = trace("T1: rtnl_mutex &devlink->lock#a / T2: rtnl_mutex &devlink->lock#b", "M");
    let snapshot = checked(&both, "");
    assert_eq!(lines(&snapshot), ["order-rule - warning &devlink->lock rtnl_mutex"]);
    let finding = &snapshot.findings[0];
    assert_eq!((finding.count, finding.dependencies.as_slice()), (2, &[1, 2][..]));
    let functions = both.replace(
        "T2|acq(&devlink->lock#b)|",
        "T2|acq(&devlink->lock#b)|other_function+0x1",
    );
    assert_eq!(
        checked(&functions, "").findings.len(),
        2,
        "another function is another bug"
    );
}

#[test]
fn the_fingerprint_is_of_classes_and_functions() {
    let of = |text: &str| checked(text, "").findings[0].fingerprint.clone();
    let one = "T1|acq(rtnl_mutex)|a+0x1\nT1|acq(&devlink->lock#x)|b+0x1\n";
    assert_eq!(
        of(one),
        of(&one.replace("0x1", "0x2").replace("T1", "T9").replace("#x", "#y"))
    );
    assert_ne!(of(one), of(&one.replace("b+", "c+")));
    assert_ne!(of(one), of(&one.replace("acq(rtnl", "racq(rtnl")));
}

#[test]
fn the_cycle_that_it_closes_is_named() {
    let snapshot = checked(
        &trace("T1: rtnl_mutex &devlink->lock / T2: &devlink->lock rtnl_mutex", "M"),
        "",
    );
    assert_eq!(
        lines(&snapshot),
        [
            "inversion possible error &devlink->lock rtnl_mutex",
            "order-rule - warning &devlink->lock rtnl_mutex"
        ]
    );
    assert!(
        snapshot.findings[1]
            .reason
            .ends_with("; finding #1 is the cycle it closes"),
        "{}",
        snapshot.findings[1].reason
    );
    // A cycle of one task is a note: it is not what will happen.
    let alone = checked(
        &trace("T1: rtnl_mutex &devlink->lock / T1: &devlink->lock rtnl_mutex", "M"),
        "",
    );
    assert!(!alone.findings[0].reason.contains("finding #"));
    // In c03 the cycle goes another way.
    let other = checked(&std::fs::read_to_string(case("c03")).expect("a case"), "");
    assert!(!other.findings[1].reason.contains("finding #"));
}

const ALLOW_CYCLES: &str = "[allow.'cycles']\nkind = 'inversion'\nreason = 'known'\n";

#[test]
fn numbers_follow_what_is_allowed() {
    let text = trace(
        "T1: rtnl_mutex &devlink->lock / T2: &devlink->lock rtnl_mutex / T3: A A",
        "M",
    );
    let before = checked(&text, "");
    assert_eq!(
        before.findings.iter().map(|finding| finding.id).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(before.findings[2].reason.contains("finding #2 is the cycle"));
    // Read back with a list that allows the first one: the cycle has another number now.
    let recursion = "[allow.'A']\nkind = 'recursion'\nlocks = ['A']\nreason = 'known'\n";
    let mut later = before.clone();
    rules::apply(&mut later, &rule_set(recursion));
    assert_eq!(
        later.findings.iter().map(|finding| finding.id).collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(
        later.findings[1]
            .reason
            .ends_with("; finding #1 is the cycle it closes")
    );
    assert_eq!(later, checked(&text, recursion));
    // An allowed cycle is not pointed at.
    let mut none = before;
    rules::apply(&mut none, &rule_set(ALLOW_CYCLES));
    assert!(
        none.findings
            .iter()
            .all(|finding| !finding.reason.contains("finding #"))
    );
    assert_eq!(none.suppressed.len(), 1);
    assert_eq!(
        (none.suppressed[0].entry.as_str(), none.suppressed[0].reason.as_str()),
        ("cycles", "known")
    );
}

#[test]
fn every_name_of_a_class_is_meant() {
    let rules = "[rule.'mine']\nbefore = ['A', 'B*']\nafter = ['C', 'x*']\nreason = 'r'\nsource = 's'\n";
    let count = |notation: &str| checked(&trace(notation, "M"), rules).findings.len();
    assert_eq!(count("T1: C A"), 1);
    assert_eq!(count("T1: x->C B7"), 1);
    assert_eq!(count("T1: x->C B7 / T2: C A"), 2);
    assert_eq!(count("T1: C A7"), 0);
    assert_eq!(count("T1: C7 A"), 0);
}

/// Findings as they are apart from where they stand.
fn standing_nowhere(findings: impl Iterator<Item = Finding>) -> Vec<String> {
    let mut findings: Vec<_> = findings
        .map(|mut finding| {
            finding.id = 0;
            let end = finding.reason.find("; finding #").unwrap_or(finding.reason.len());
            finding.reason.truncate(end);
            format!("{finding:?}")
        })
        .collect();
    findings.sort();
    findings
}

/// Threads that take locks of a few classes, some of them in orders that rules know.
fn threads() -> impl Strategy<Value = String> {
    let locks = [
        "rtnl_mutex",
        "&devlink->lock#a",
        "&devlink->lock#b",
        "pernet_ops_rwsem",
        "A",
        "B",
    ];
    let mode = prop::sample::select(vec!["M", "R", "try"]);
    let block = prop::collection::btree_map(prop::sample::select(locks.to_vec()), mode, 1..4);
    let block = block.prop_map(|locks| {
        locks
            .into_iter()
            .map(|(lock, mode)| format!("{mode}({lock})"))
            .collect::<Vec<_>>()
    });
    let line = (0..4usize, block.prop_shuffle()).prop_map(|(thread, locks)| format!("T{thread}: {}", locks.join(" ")));
    prop::collection::vec(line, 1..8).prop_map(|lines| trace(&lines.join(" / "), "M"))
}

fn entries() -> impl Strategy<Value = String> {
    let lines = prop::sample::select(vec![
        "kind = 'inversion'",
        "kind = 'order-rule'",
        "verdict = 'possible'",
        "verdict = 'single-task'",
        "rule = 'devlink before rtnl'",
        "locks = ['A', 'B']",
        "locks = ['rtnl_mutex', '&devlink*']",
        "locks = ['*e*', '*k', 'pernet*']",
    ]);
    prop::collection::vec(lines, 0..4).prop_map(|lines| {
        let entry = |(number, line)| format!("[allow.'{number}']\n{line}\nreason = 'r'\n");
        (0..).zip(lines).map(entry).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_allowed_and_what_is_left_is_what_was_there(text in threads(), entries in entries()) {
        let all = checked(&text, "");
        let mut some = checked(&text, &entries);
        let suppressed = some.suppressed.iter().map(|allowed| allowed.finding.clone());
        let parts = some.findings.iter().cloned().chain(suppressed);
        prop_assert_eq!(standing_nowhere(parts), standing_nowhere(all.findings.iter().cloned()));
        // What is left is in the order in which it was, numbered from 1.
        let mut left = all.findings.iter().map(line);
        for (id, finding) in (1..).zip(&some.findings) {
            prop_assert_eq!(finding.id, id);
            prop_assert!(left.any(|before| before == line(finding)));
        }
        // Once more changes nothing, and neither does reading the report back.
        let once = some.clone();
        rules::apply(&mut some, &rule_set(&entries));
        prop_assert_eq!(&some, &once);
        let json = tracer::report::json::render(&once).expect("JSON");
        let mut back = tracer::import::read_from("report", json.as_bytes()).expect("a report");
        rules::apply(&mut back, &rule_set(""));
        prop_assert_eq!(&back, &once);
    }

    #[test]
    fn only_dependencies_against_the_rule_break_it(text in threads()) {
        let snapshot = checked(&text, "");
        let class = |id: u32| snapshot.locks.iter().find(|lock| lock.id == id).map(|lock| lock.class.as_str());
        let against = snapshot.dependencies.iter().filter(|dependency| {
            (class(dependency.from), class(dependency.to)) == (Some("rtnl_mutex"), Some("&devlink->lock"))
        });
        let mut expected: Vec<_> = against.map(|dependency| dependency.id).collect();
        let broken = snapshot.findings.iter().filter(|finding| finding.reason.starts_with("rule \"devlink before rtnl\""));
        let mut told: Vec<_> = broken.flat_map(|finding| finding.dependencies.clone()).collect();
        expected.sort_unstable();
        told.sort_unstable();
        told.dedup();
        prop_assert_eq!(told, expected);
    }
}
