//! Rule files from outside: flags, exit statuses, the document, and what `docs/rules.md` says.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;
use std::process::Output;

use support::program::program;
use support::{fixture, read, trace};
use tracer::analysis::rules::{self, RuleSet};

const ALLOW_CYCLES: &str = "[allow.'cycles']\nkind = 'inversion'\nreason = 'known'\n";

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

fn report(name: &str, args: &[&str]) -> Output {
    program()
        .arg("report")
        .arg(case(name))
        .args(args)
        .output()
        .expect("tracer runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn the_built_in_rules_are_on_unless_switched_off() {
    let on = text(&report("c03", &[]).stdout);
    assert!(
        on.contains("WARNING: order-rule (class level)") && on.contains("*** RULE BROKEN ***"),
        "{on}"
    );
    let off = report("c03", &["--rules", "none"]);
    assert!(!text(&off.stdout).contains("order-rule"));
    assert_eq!(report("c03-trylock", &["--rules", "none"]).status.code(), Some(0));
    let strict = ["--fail-on", "warning"];
    assert_eq!(report("c03-trylock", &[]).status.code(), Some(0));
    assert_eq!(report("c03-trylock", &strict).status.code(), Some(1));
}

#[test]
fn allowed_findings_are_counted_and_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a rule file");
        path.to_str().expect("UTF-8").to_string()
    };
    let cycles = file("cycles.toml", ALLOW_CYCLES);
    let order = file(
        "order.toml",
        "[allow.'rtnl first']\nrule = 'devlink before rtnl'\nreason = 'being reworked'\n",
    );
    let stale = file(
        "stale.toml",
        "\n[allow.'gone']\nfunction = 'removed_function'\nreason = 'fixed'\n",
    );

    let one = report("c03", &["--rules", &cycles]);
    assert_eq!(one.status.code(), Some(0), "what is left is a warning");
    assert!(text(&one.stdout).contains("\n1 allowed by rules; --allowed shows it\n"));
    let both = report("c03", &["--rules", &cycles, "--rules", &order, "--rules", &stale]);
    assert_eq!((both.status.code(), text(&both.stderr).as_str()), (Some(0), ""));
    assert!(text(&both.stdout).contains("No findings.\n2 allowed by rules; --allowed shows them\n"));

    let listed = report(
        "c03",
        &["--rules", &cycles, "--rules", &order, "--rules", &stale, "--allowed"],
    );
    let words = text(&listed.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("WARNING: order-rule: order rule broken: rtnl_mutex -> &devlink->lock; fingerprint"),
        "{words}"
    );
    assert!(words.contains("allowed by \"rtnl first\": being reworked"), "{words}");
    assert!(!words.contains("--allowed shows"), "{words}");
    assert_eq!(
        text(&listed.stderr),
        format!("tracer: {stale}:2: allow entry \"gone\" allows nothing here\n")
    );
}

#[test]
fn a_bad_rule_file_is_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.toml");
    std::fs::write(&path, "[allow.x]\nkind = 'inversion'\n").expect("a rule file");
    let path = path.to_str().expect("UTF-8");
    let bad = report("c03", &["--rules", path]);
    assert_eq!((bad.status.code(), text(&bad.stdout).as_str()), (Some(2), ""));
    let error = format!("tracer: {path}:1: allow entry \"x\" has no `reason`\ntracer: add reason = \"why\"\n");
    assert_eq!(text(&bad.stderr), error);
}

#[test]
fn the_document_with_suppressed_findings_is_as_the_schema_says() {
    let schema = tracer::report::json::schema().expect("a schema");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut snapshot = read(&std::fs::read_to_string(case("c03")).expect("a case"));
    rules::apply(&mut snapshot, &rule_set(ALLOW_CYCLES));
    let document = serde_json::to_value(&snapshot).expect("JSON");
    assert!(validator.is_valid(&document));
    assert_eq!(document["suppressed"][0]["entry"], "cycles");
    let mut wrong = document.clone();
    wrong["suppressed"][0]
        .as_object_mut()
        .expect("an object")
        .remove("finding");
    assert!(!validator.is_valid(&wrong));
    // A report of a version that had no rules.
    let mut old = document;
    old.as_object_mut().expect("an object").remove("suppressed");
    assert!(validator.is_valid(&old));
    assert!(tracer::import::read_from("report", old.to_string().as_bytes()).is_ok_and(|old| old.suppressed.is_empty()));
}

#[test]
fn the_example_of_the_docs_does_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let docs = std::fs::read_to_string(path).expect("docs/rules.md");
    let (_, rest) = docs.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    assert_eq!(example, fixture("rules/example.toml"), "the file that the docs name");
    let rules = rule_set(example);
    let mut snapshot = read(&trace(
        "T1: &port->lock &card->lock / T2: &port->lock &card_lock_key#3 / T3: rtnl_mutex &devlink->lock",
        "M",
    ));
    rules::apply(&mut snapshot, &rules);
    let broken = snapshot
        .findings
        .iter()
        .filter(|finding| finding.reason.starts_with("rule \"card before port\""));
    assert_eq!(broken.count(), 2);
    assert_eq!(snapshot.findings.len(), 3);
    let mut known = read(&std::fs::read_to_string(case("c03")).expect("a case"));
    rules::apply(&mut known, &rules);
    let entries: Vec<_> = known.suppressed.iter().map(|allowed| allowed.entry.as_str()).collect();
    assert_eq!(entries, ["state lock of mlx5e", "health report under rtnl"]);
    assert!(known.findings.is_empty());
    let unused: Vec<_> = rules.unused(&known).map(|(name, _)| name).collect();
    assert_eq!(unused, ["one bug, wherever"]);
}

#[test]
fn the_docs_name_every_built_in_rule_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(folder.join("../docs/rules.md")).expect("docs/rules.md");
    let rules = std::fs::read_to_string(folder.join("src/analysis/rules/net.toml")).expect("the built-in rules");
    let (_, table) = docs.split_once("## Built-in rules").expect("the heading");
    let (table, _) = table.split_once("\n## ").expect("the next heading");
    let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    let documented: Vec<_> = rows.map(|(name, _)| name).collect();
    let built_in = rules
        .lines()
        .filter_map(|line| line.strip_prefix("[rule.\"")?.strip_suffix("\"]"));
    assert_eq!(documented, built_in.collect::<Vec<_>>());
}
