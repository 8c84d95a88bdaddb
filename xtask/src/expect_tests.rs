//! Every kind of expectation, with a report that meets it and one that does not.

use serde_json::{Value, json};

use super::judge;
use crate::scenario::Scenario;

fn report() -> Value {
    json!({
        "schema_version": "1.0",
        "capture": { "complete": true, "lost": { "ring": 0 } },
        "locks": [{}, {}],
        "dependencies": [{ "id": "d1", "evidence": [{ "stack": ["cleanup_net"] }] }, { "id": "d2", "evidence": ["other_path"] }],
        "windows": [{ "handle": "dlock/dlock0", "result": "ok" }],
        "findings": [
            { "kind": "recursion", "verdict": "certain", "level": "instance", "severity": "critical",
              "locks": ["pernet_ops_rwsem"], "dependencies": ["d1"], "scenario": [["lock pernet_ops_rwsem held"]] },
            { "kind": "inversion", "verdict": "possible", "level": "class", "severity": "warning",
              "locks": ["a", "devlink dlock/dlock0"], "dependencies": [], "scenario": [] },
        ],
    })
}

/// What is wrong with [`report`] when a scenario holds `rules`.
fn wrong(rules: &str) -> Vec<String> {
    judge(&scenario(rules), &report())
}

fn scenario(rules: &str) -> Scenario {
    Scenario::parse("s", &format!("about = 'a'\nrun = 'true'\n{rules}")).unwrap()
}

#[track_caller]
fn accepts(rules: &str) {
    assert_eq!(wrong(rules), Vec::<String>::new());
}

#[track_caller]
fn refuses(rules: &str) {
    assert!(!wrong(rules).is_empty());
}

#[test]
fn kind_verdict_level_severity() {
    accepts("[[expect]]\nkind='recursion'\nverdict=['deadlock','certain']\nlevel='instance'\nseverity='critical'");
    refuses("[[expect]]\nkind='deadlock'");
    refuses("[[expect]]\nkind='recursion'\nverdict=['deadlock','possible']");
    refuses("[[expect]]\nkind='recursion'\nlevel='class'");
    refuses("[[expect]]\nkind='recursion'\nseverity='error'");
}

#[test]
fn locks_exactly_and_in_part() {
    accepts("[[expect]]\nlocks=['a','devlink dlock/dlock0']");
    refuses("[[expect]]\nlocks=['devlink dlock/dlock0','a']");
    refuses("[[expect]]\nlocks=['a']");
    accepts("[[expect]]\nlocks_include=['dlock0']");
    refuses("[[expect]]\nlocks_include=['dlock0','rtnl_mutex']");
}

#[test]
fn scenario_and_evidence() {
    accepts("[[expect]]\nscenario_mentions=['pernet_ops_rwsem held']");
    refuses("[[expect]]\nscenario_mentions=['waits']");
    accepts("[[expect]]\nkind='recursion'\nevidence_mentions=['cleanup_net','dlock/dlock0']");
    // Another finding's dependency is no evidence for this one.
    refuses("[[expect]]\nkind='recursion'\nevidence_mentions=['other_path']");
}

#[test]
fn count() {
    accepts("[[expect]]\nkind='recursion'\ncount=1");
    accepts("[[expect]]\nkind='leaked-hold'\ncount=0");
    refuses("[[expect]]\nkind='recursion'\ncount=2");
}

#[test]
fn forbid_by_severity() {
    accepts("[[forbid]]\nseverity='critical'\n[[expect]]\nkind='recursion'");
    accepts("[[forbid]]\nseverity='critical'\n[[allow]]\nkind='recursion'");
    refuses("[[forbid]]\nseverity='critical'");
    refuses("[[forbid]]\nseverity='warning'\n[[expect]]\nkind='recursion'");
}

#[test]
fn forbid_by_lock() {
    accepts("[[forbid]]\nseverity='warning'\nlocks_any=['rtnl_mutex']");
    accepts("[[forbid]]\nseverity='error'\nlocks_any=['devlink']");
    refuses("[[forbid]]\nseverity='warning'\nlocks_any=['rtnl_mutex','devlink']");
}

#[test]
fn window() {
    accepts("[[window]]\nhandle='dlock/dlock0'\nresult='ok'");
    refuses("[[window]]\nhandle='dlock/dlock0'\nresult='failed'");
}

#[test]
fn capture() {
    accepts("[capture]\ncomplete=true\nlost={ring=0}");
    refuses("[capture]\ncomplete=false");
    refuses("[capture]\nlost={ring=1}");
}

#[test]
fn at_least() {
    accepts("[at_least]\nlocks=2");
    refuses("[at_least]\nlocks=3");
}

#[test]
fn malformed_reports_fail_whatever_is_expected() {
    assert_eq!(judge(&scenario(""), &report()), Vec::<String>::new());
    for broken in [
        json!({}),
        json!([]),
        json!({ "schema_version": "2.0", "locks": [], "dependencies": [], "windows": [], "findings": [] }),
    ] {
        assert!(!judge(&scenario(""), &broken).is_empty());
    }
}
