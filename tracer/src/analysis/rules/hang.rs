//! Waits that take long, although they are on no circle: what the kernel's hung-task message is for (kernel/hung_task.c), for whoever cannot wait 120 s.

use std::collections::BTreeMap;
use std::time::Duration;

use super::index::Index;
use crate::analysis::fingerprint;
use crate::analysis::snapshot::{Finding, Wait};

/// Kind of a finding of a long wait.
pub(super) const KIND: &str = "long-wait";

/// One finding per class and place that was waited at, for the longest of its waits. What is in a deadlock, or stuck behind one, is told there.
pub(super) fn find(index: &Index<'_>, waits: &[Wait], waited: &[Wait], after: Duration, now_ns: u64) -> Vec<Finding> {
    let mut found: BTreeMap<String, (u64, Finding)> = BTreeMap::new();
    let all = waits.iter().chain(waited).filter(|wait| wait.finding.is_none());
    for wait in all {
        let took_ns = wait.took_ns(now_ns);
        if Duration::from_nanos(took_ns) < after {
            continue;
        }
        let one = finding(index, wait, took_ns);
        match found.get_mut(&one.fingerprint) {
            None => {
                found.insert(one.fingerprint.clone(), (took_ns, one));
            }
            Some((longest_ns, known)) => {
                let count = known.count + 1;
                if took_ns > *longest_ns {
                    *longest_ns = took_ns;
                    *known = one;
                }
                known.count = count;
            }
        }
    }
    found.into_values().map(|(_, finding)| finding).collect()
}

fn finding(index: &Index<'_>, wait: &Wait, took_ns: u64) -> Finding {
    let name = index.name(wait.lock);
    let (function, _) = fingerprint::innermost(&wait.stack).unwrap_or_default();
    let seconds = Duration::from_nanos(took_ns).as_secs_f64();
    let waited = if wait.until_ns.is_some() {
        "waited"
    } else {
        "has waited"
    };
    let (at, held_by) = (wait.at(), wait.held_by());
    let reason = format!(
        "{} {waited} {seconds:.1} s for {name}{at}; held by {held_by}",
        wait.task
    );
    Finding {
        id: 0,
        kind: KIND.to_string(),
        verdict: None,
        level: "instance".to_string(),
        severity: "warning".to_string(),
        title: format!("long wait: {name}"),
        locks: vec![name.to_string()],
        dependencies: Vec::new(),
        reason,
        fingerprint: fingerprint::of(KIND, &[format!("{}|{function}", index.class(wait.lock))]),
        scenario: Vec::new(),
        first_ns: wait.since_ns,
        count: 1,
    }
}
