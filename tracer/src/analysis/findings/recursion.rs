//! One task requests a lock that it holds (lockdep's "possible recursive locking detected").

use super::{of_cycle, writers};
use crate::analysis::level::{Level, Nodes};
use crate::analysis::snapshot::{Finding, Mode};
use crate::analysis::verdict::{self, Judgement, Verdict};
use crate::analysis::view::View;

const KIND: &str = "recursion";

pub(super) fn find<'a>(view: &'a View<'a>, nodes: &Nodes<'a>) -> Vec<Finding> {
    let loops = nodes.loops().iter();
    let judged = loops.filter_map(|&node| verdict::recursion(view, nodes, node));
    judged.map(|judgement| finding(view, nodes, &judgement)).collect()
}

fn finding(view: &View<'_>, nodes: &Nodes<'_>, judgement: &Judgement<'_>) -> Finding {
    let mut title = String::new();
    let mut reason = String::new();
    for pick in &judgement.sides {
        let name = nodes.name_of(pick.edge.from);
        let (held, requested) = (Mode::from(pick.edge.from_mode), Mode::from(pick.edge.to_mode));
        let (task, _) = view.task(pick.evidence.task);
        title = format!("recursive locking: {name}");
        reason = if judgement.level == Level::Class && pick.edge.from != pick.edge.to {
            let (from, to) = (view.name(pick.edge.from), view.name(pick.edge.to));
            format!("{task} holds {from} {held} and requests {to} {requested}, another lock of the class")
        } else {
            format!("{task} holds {name} {held} and requests it {requested}")
        };
        reason.push_str(&match judgement.verdict {
            Verdict::NeedsWriter => {
                let writers = writers(view, &[pick.edge.from]);
                format!(": that blocks once a writer is queued in between; {writers}")
            }
            Verdict::SingleTask => {
                ": that blocks only if another task nests them the other way round, and none was seen to".to_string()
            }
            _ if pick.edge.from == pick.edge.to => ": that is never granted, the task waits for itself".to_string(),
            _ => ": for lockdep, which knows no more than the class, that is never granted".to_string(),
        });
    }
    of_cycle(view, nodes, KIND, judgement, title, reason)
}
