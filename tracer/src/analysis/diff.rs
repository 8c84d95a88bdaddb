//! What did this patch change? Two snapshots compared by lock classes and functions, never by addresses, tasks, times, ids or order.

mod by_class;
mod dependency;
pub mod document;
mod finding;
mod place;
mod warning;

use super::snapshot::{Snapshot, Tool};
use by_class::ByClass;
use document::{Diff, SCHEMA_VERSION, Side};

/// What `b` has and `a` has not, the other way round, and what both have and is not the same.
pub fn diff(a: &Snapshot, b: &Snapshot) -> Diff {
    let (of_a, of_b) = (ByClass::new(a), ByClass::new(b));
    let dependencies = dependency::compare(&of_a, &of_b);
    Diff {
        schema_version: SCHEMA_VERSION.to_string(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        },
        a: side(&of_a),
        b: side(&of_b),
        warnings: warning::all(a, b, dependencies.places_not_compared),
        findings: finding::compare(&of_a, &of_b),
        dependencies,
    }
}

fn side(of: &ByClass<'_>) -> Side {
    let snapshot = of.snapshot;
    Side {
        file: None,
        kernel: snapshot.kernel.release.clone(),
        backend: snapshot.capture.backend.clone(),
        complete: snapshot.capture.complete,
        lost: snapshot.capture.lost.clone(),
        dependencies: u64::try_from(of.dependencies.len()).unwrap_or(u64::MAX),
        findings: u64::try_from(snapshot.findings.len()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::read_from;

    fn compare(a: &str, b: &str) -> Diff {
        let read = |text: &str| read_from("trace", text.as_bytes()).expect("a trace");
        diff(&read(a), &read(b))
    }

    #[test]
    fn sides_tell_what_was_compared() {
        let diff = compare("T1|acq(A)|f\nT1|acq(B)|g\n", "# nothing\n");
        assert_eq!((diff.a.dependencies, diff.b.dependencies), (1, 0));
        assert_eq!(
            (diff.a.backend.as_str(), diff.a.kernel.as_deref()),
            ("text-trace", None)
        );
        assert!(diff.a.complete && diff.warnings.is_empty());
    }

    #[test]
    fn nothing_against_nothing_is_no_difference() {
        assert!(compare("# nothing\n", "# nothing\n").is_empty());
        assert!(!compare("# nothing\n", "T1|acq(A)|f\nT1|rel(A)|f\nT1|rel(A)|f\n").is_empty());
    }
}
