//! Every document that is produced is as `tracer schema` says.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::program::program;
use support::{lines, read};
use tracer::analysis::diff::diff;

fn schema(args: &[&str]) -> Value {
    let output = program().arg("schema").args(args).output().expect("tracer runs");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("the schema is JSON")
}

fn document(trace: &str) -> Value {
    serde_json::to_value(read(trace)).expect("JSON")
}

#[test]
fn every_case_is_as_the_schema_says() {
    let validator = jsonschema::validator_for(&schema(&[])).expect("a schema");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let entries = ["cases", "splats"].map(|folder| std::fs::read_dir(tests.join(folder)).expect("the cases"));
    for entry in entries.into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let document = document(&std::fs::read_to_string(&path).expect("a case"));
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

#[test]
fn a_document_with_a_wrong_or_missing_member_is_not() {
    let validator = jsonschema::validator_for(&schema(&[])).expect("a schema");
    let good = document("T1|acq(A)|1\nT1|acq(A)|2\n");
    assert!(validator.is_valid(&good));
    let mut wrong = good.clone();
    wrong["findings"][0]["locks"] = Value::from("A");
    assert!(!validator.is_valid(&wrong));
    let mut missing = good;
    missing.as_object_mut().expect("an object").remove("locks");
    assert!(!validator.is_valid(&missing));
}

#[test]
fn every_difference_is_as_its_schema_says() {
    let validator = jsonschema::validator_for(&schema(&["--diff"])).expect("a schema");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let snapshots = paths
        .iter()
        .map(|path| read(&std::fs::read_to_string(path).expect("a case")));
    let snapshots: Vec<_> = snapshots.collect();
    for (a, b) in snapshots.iter().zip(snapshots.iter().cycle().skip(1)) {
        let document = serde_json::to_value(diff(a, b)).expect("JSON");
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}\n{document}");
    }
    let report = serde_json::to_value(&snapshots[0]).expect("JSON");
    assert!(!validator.is_valid(&report), "a report is no difference");
    let mut wrong = serde_json::to_value(diff(&snapshots[0], &snapshots[1])).expect("JSON");
    wrong["dependencies"]["new"][0]["places_new"] = Value::Null;
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_members_of_the_contract_are_there() {
    let document = document("T1|racq(A)|1\nT1|acq(B)|2\nT2|acq(B)|3\nT2|acq(A)|4\n");
    let members = |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    for (part, wanted) in [
        (
            &document,
            "schema_version tool kernel capture locks dependencies windows findings",
        ),
        (&document["tool"], "name version"),
        (&document["kernel"], "release version machine btf"),
        (
            &document["capture"],
            "backend command started duration_ns complete probes lost",
        ),
        (&document["capture"]["probes"], "attached missing"),
        (&document["locks"][0], "id name class kind label address"),
        (
            &document["dependencies"][0],
            "id from to from_mode to_mode trylock count tasks first_ns last_ns evidence",
        ),
        (
            &document["findings"][0],
            "id kind verdict level severity title locks dependencies reason fingerprint scenario first_ns",
        ),
    ] {
        let there = members(part);
        assert!(
            wanted.split(' ').all(|name| there.iter().any(|known| known == name)),
            "{wanted}: {there:?}"
        );
    }
    assert_eq!(
        document["kernel"]["release"],
        Value::Null,
        "absent is null, not left out"
    );
    assert_eq!(
        lines(&serde_json::from_value(document).expect("a snapshot")),
        ["inversion possible error A B"]
    );
}
