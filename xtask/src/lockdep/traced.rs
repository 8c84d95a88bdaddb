//! The dependencies that the tracer reported, by class.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Kinds of lock that are compared.
const COMPARED: [&str; 2] = ["mutex", "rwsem"];

/// What of the report is needed.
#[derive(Debug, Deserialize)]
struct Report {
    capture: Capture,
    locks: Vec<Lock>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Capture {
    complete: bool,
    lost: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Lock {
    id: u32,
    class: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    from: u32,
    to: u32,
    direct: bool,
    #[serde(default)]
    evidence: Vec<Evidence>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    task: String,
    to_stack: Vec<String>,
}

/// Dependencies between mutexes and rwsems by class, and where each was seen first: the task and the frames of the request.
#[derive(Debug, Default)]
pub struct Traced {
    /// Those that lockdep would record.
    pub direct: BTreeMap<(String, String), Vec<String>>,
    /// Those with another lock taken in between.
    pub distant: BTreeSet<(String, String)>,
    /// All classes.
    pub classes: BTreeSet<String>,
    /// What was lost, by counter: with it a difference may be nobody's fault.
    pub lost: BTreeMap<String, u64>,
}

/// Reads a JSON report.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str) -> Result<Traced> {
    let report: Report = serde_json::from_str(text).context("the tracer's report is malformed")?;
    let classes: BTreeMap<u32, &str> = report
        .locks
        .iter()
        .filter(|lock| COMPARED.contains(&lock.kind.as_str()))
        .map(|lock| (lock.id, lock.class.as_str()))
        .collect();
    let mut traced = Traced {
        classes: classes.values().map(|class| (*class).to_owned()).collect(),
        lost: report.capture.lost,
        ..Traced::default()
    };
    if !report.capture.complete && traced.lost.is_empty() {
        traced.lost.insert("unknown".to_owned(), 1);
    }
    for dependency in report.dependencies {
        let (Some(from), Some(to)) = (classes.get(&dependency.from), classes.get(&dependency.to)) else {
            continue;
        };
        let pair = ((*from).to_owned(), (*to).to_owned());
        if !dependency.direct {
            traced.distant.insert(pair);
            continue;
        }
        traced.direct.entry(pair).or_insert_with(|| {
            let first = dependency.evidence.into_iter().next();
            first.map_or_else(Vec::new, |first| {
                let mut place = vec![format!("{}:", first.task)];
                place.extend(first.to_stack);
                place
            })
        });
    }
    Ok(traced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mutexes_and_rwsems_are_taken_and_by_class() {
        let traced = parse(
            r#"{"capture":{"complete":true,"lost":{}},
            "locks":[{"id":1,"class":"a","kind":"mutex"},{"id":2,"class":"b","kind":"rwsem"},{"id":3,"class":"c","kind":"semaphore"}],
            "dependencies":[{"from":1,"to":2,"direct":true,"evidence":[{"task":"ip","to_stack":["down_read+0x1/0x2"]}]},
            {"from":2,"to":1,"direct":false},{"from":1,"to":3,"direct":true}]}"#,
        )
        .unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(traced.direct[&pair("a", "b")], ["ip:", "down_read+0x1/0x2"]);
        assert!(traced.distant.contains(&pair("b", "a")));
        assert_eq!(traced.direct.len(), 1);
    }

    #[test]
    fn another_document_is_refused() {
        assert!(parse("{}").is_err());
    }
}
