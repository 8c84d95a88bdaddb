//! What makes a comparison weaker than it looks.

use std::collections::BTreeSet;

use super::super::snapshot::{Capture, Snapshot};

/// Names that a warning lists at most.
const MAX_NAMES: usize = 5;

/// In words, the gravest first.
pub(super) fn all(a: &Snapshot, b: &Snapshot, places_not_compared: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    let allowed = [("A", a.suppressed.len()), ("B", b.suppressed.len())];
    let (a, b) = (&a.capture, &b.capture);
    if !a.complete {
        warnings.push(format!(
            "A is incomplete{}: what looks new may only have been missed in A",
            lost(a)
        ));
    }
    if !b.complete {
        warnings.push(format!(
            "B is incomplete{}: what looks gone may only have been missed in B",
            lost(b)
        ));
    }
    if a.backend != b.backend {
        warnings.push(format!(
            "A is of backend {}, B of {}: one may see what the other cannot",
            a.backend, b.backend
        ));
    }
    warnings.extend(hooked("A", a, b));
    warnings.extend(hooked("B", b, a));
    for (side, count) in allowed.into_iter().filter(|&(_, count)| count > 0) {
        let findings = if count == 1 { "finding" } else { "findings" };
        warnings.push(format!("rules allow {count} {findings} of {side}: not compared"));
    }
    if places_not_compared > 0 {
        let places = if places_not_compared == 1 {
            "place was"
        } else {
            "places were"
        };
        warnings.push(format!(
            "{places_not_compared} {places} not compared: one side does not tell the function"
        ));
    }
    warnings
}

fn lost(capture: &Capture) -> String {
    let lost = capture.lost.iter().filter(|(_, count)| **count > 0);
    let lost: Vec<_> = lost
        .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
        .collect();
    if lost.is_empty() {
        return String::new();
    }
    format!(" (lost: {})", lost.join(", "))
}

/// Functions that only one of two traced kernels had hooks on.
fn hooked(side: &str, capture: &Capture, other: &Capture) -> Option<String> {
    if capture.probes.attached.is_empty() || other.probes.attached.is_empty() {
        return None;
    }
    let there: BTreeSet<_> = other.probes.attached.iter().collect();
    let only: BTreeSet<_> = capture
        .probes
        .attached
        .iter()
        .filter(|name| !there.contains(name))
        .collect();
    if only.is_empty() {
        return None;
    }
    let mut names: Vec<_> = only.iter().take(MAX_NAMES).map(|name| name.to_string()).collect();
    if only.len() > MAX_NAMES {
        names.push(format!("{} more", only.len() - MAX_NAMES));
    }
    Some(format!(
        "only {side} had hooks on {}: the other cannot show what they see",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::snapshot::Suppressed;

    fn snapshot(backend: &str, complete: bool, attached: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.capture.backend = backend.to_string();
        snapshot.capture.complete = complete;
        snapshot.capture.probes.attached = attached.iter().map(ToString::to_string).collect();
        snapshot
    }

    #[test]
    fn two_good_captures_have_none() {
        let good = snapshot("fentry", true, &["mutex_lock", "down_read"]);
        assert_eq!(all(&good, &good, 0), Vec::<String>::new());
    }

    #[test]
    fn a_loss_is_told_with_what_it_can_explain() {
        let good = snapshot("fentry", true, &[]);
        let mut bad = snapshot("fentry", false, &[]);
        bad.capture.lost.insert("ring_full".to_string(), 3);
        assert_eq!(
            all(&bad, &good, 0),
            ["A is incomplete (lost: ring full 3): what looks new may only have been missed in A"]
        );
        let b = all(&good, &bad, 0);
        assert!(
            b.len() == 1 && b[0].contains("B is incomplete") && b[0].contains("gone"),
            "{b:?}"
        );
        assert_eq!(all(&bad, &bad, 0).len(), 2);
    }

    #[test]
    fn allowed_findings_are_told() {
        let text = "T1|acq(A)|f\nT1|acq(A)|g\n";
        let mut a = crate::import::read_from("trace", text.as_bytes()).expect("a trace");
        let mut b = a.clone();
        let finding = b.findings.remove(0);
        b.suppressed.push(Suppressed {
            finding,
            entry: "known".to_string(),
            reason: "harmless".to_string(),
        });
        assert_eq!(all(&a, &b, 0), ["rules allow 1 finding of B: not compared"]);
        std::mem::swap(&mut a, &mut b);
        assert_eq!(all(&a, &b, 0), ["rules allow 1 finding of A: not compared"]);
    }

    #[test]
    fn other_backends_hooks_and_unknown_functions_are_told() {
        let a = snapshot("fentry", true, &["mutex_lock", "a", "b", "c", "d", "e", "f"]);
        let b = snapshot("kprobe", true, &["mutex_lock"]);
        assert_eq!(
            all(&a, &b, 1),
            [
                "A is of backend fentry, B of kprobe: one may see what the other cannot",
                "only A had hooks on a, b, c, d, e, 1 more: the other cannot show what they see",
                "1 place was not compared: one side does not tell the function",
            ]
        );
    }
}
