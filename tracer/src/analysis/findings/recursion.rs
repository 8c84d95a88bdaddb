//! One task requests a lock that it holds (lockdep's "possible recursive locking detected").

use super::{of_cycle, writers};
use crate::analysis::snapshot::Finding;
use crate::analysis::verdict::{self, Judgement, Verdict};
use crate::analysis::view::{View, mode};

const KIND: &str = "recursion";

pub(super) fn find(view: &View<'_>) -> Vec<Finding> {
    let graph = view
        .model
        .graph
        .locks(|from, to| from != to || view.model.locks.back_off(from, to));
    let judged = graph.nodes().filter_map(|lock| verdict::recursion(view, lock));
    judged.map(|judgement| finding(view, &judgement)).collect()
}

fn finding(view: &View<'_>, judgement: &Judgement<'_>) -> Finding {
    let mut title = String::new();
    let mut reason = String::new();
    for pick in &judgement.sides {
        let lock = view.name(pick.edge.from);
        let (held, requested) = (mode(pick.edge.from_mode), mode(pick.edge.to_mode));
        let (task, _) = view.task(pick.evidence.task);
        title = format!("recursive locking: {lock}");
        reason = format!("{task} holds {lock} {held} and requests it {requested}");
        if judgement.verdict == Verdict::NeedsWriter {
            let writers = writers(view, &[pick.edge.from]);
            reason.push_str(&format!(": that blocks once a writer is queued in between; {writers}"));
        } else {
            reason.push_str(": that is never granted, the task waits for itself");
        }
    }
    of_cycle(view, KIND, judgement, title, reason)
}
