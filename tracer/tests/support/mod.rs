//! The notation of lockdep's self-test as text traces, and findings as one line each.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod program;

use tracer::analysis::snapshot::{Finding, Snapshot};

/// Reads a text trace.
pub fn read(trace: &str) -> Snapshot {
    tracer::import::read_from("trace", trace.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{trace}"))
}

/// Reads a text trace and judges it as lockdep does.
pub fn read_as_lockdep(trace: &str) -> Snapshot {
    let source =
        tracer::import::load_from("trace", trace.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{trace}"));
    source.judge(true, &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a text trace and judges it without some of it.
pub fn read_without(trace: &str, without: &[&str]) -> Snapshot {
    let source =
        tracer::import::load_from("trace", trace.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{trace}"));
    let without: Vec<_> = without.iter().map(ToString::to_string).collect();
    source.judge(false, &without).unwrap_or_else(|error| panic!("{error}"))
}

/// `T1: M(A) R(B) / T2: ...`: each line takes its locks in order and then releases them in reverse. `M` mutex, `W` rwsem write,
/// `R` rwsem read, `RR` recursive read, `try` trylock, `rtry` shared trylock; a lock without one of these is taken by `default`.
/// A line `T1| op op` is one of plain operations: `T1| acq(A) rel(A)`.
pub fn trace(notation: &str, default: &str) -> String {
    let lines: Vec<_> = notation.split(" / ").collect();
    lines.iter().map(|line| one_line(line, default)).collect()
}

/// The same in every order of its lines.
pub fn permutations(notation: &str, default: &str) -> Vec<String> {
    let lines: Vec<_> = notation.split(" / ").map(|line| one_line(line, default)).collect();
    let mut orders = vec![Vec::new()];
    for line in &lines {
        let mut longer = Vec::new();
        for order in &orders {
            for position in 0..=order.len() {
                let mut order: Vec<&String> = order.clone();
                order.insert(position, line);
                longer.push(order);
            }
        }
        orders = longer;
    }
    orders
        .into_iter()
        .map(|order| order.into_iter().map(String::as_str).collect())
        .collect()
}

fn one_line(line: &str, default: &str) -> String {
    if let Some((thread, operations)) = line.split_once('|') {
        return operations
            .split_whitespace()
            .map(|operation| format!("{}|{operation}|\n", thread.trim()))
            .collect();
    }
    let (thread, locks) = line.split_once(':').unwrap_or_else(|| panic!("no thread in {line}"));
    let mut taken = String::new();
    let mut released = String::new();
    for token in locks.split_whitespace() {
        let (how, lock) = token.trim_end_matches(')').split_once('(').unwrap_or((default, token));
        let (take, release) = match how {
            "M" | "W" => ("acq", "rel"),
            "R" => ("racq", "rrel"),
            "RR" => ("rracq", "rrrel"),
            "try" => ("try", "rel"),
            "rtry" => ("rtry", "rrel"),
            _ => panic!("{how} in {line}"),
        };
        taken.push_str(&format!("{thread}|{take}({lock})|\n"));
        released.insert_str(0, &format!("{thread}|{release}({lock})|\n"));
    }
    taken + &released
}

/// `inversion possible error A B`.
pub fn line(finding: &Finding) -> String {
    let verdict = finding.verdict.as_deref().unwrap_or("-");
    format!(
        "{} {verdict} {} {}",
        finding.kind,
        finding.severity,
        finding.locks.join(" ")
    )
}

/// All findings, in their order.
pub fn lines(snapshot: &Snapshot) -> Vec<String> {
    snapshot.findings.iter().map(line).collect()
}

/// A file of the tests.
pub fn fixture(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names and contents of all traces, splats and reports, in order.
pub fn cases() -> Vec<(String, String)> {
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut names: Vec<_> = ["cases", "splats", "reports"]
        .into_iter()
        .flat_map(|folder| {
            let entries = std::fs::read_dir(tests.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
            entries.map(move |entry| {
                let entry = entry.unwrap_or_else(|error| panic!("{folder}: {error}"));
                format!("{folder}/{}", entry.file_name().to_string_lossy())
            })
        })
        .collect();
    names.sort();
    names.into_iter().map(|name| (name.clone(), fixture(&name))).collect()
}
