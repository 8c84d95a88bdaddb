//! A work item ends with a lock held (the kernel's "workqueue leaked lock", `process_one_work()` in kernel/workqueue.c, Linux 6.12).

use super::of_breach;
use crate::analysis::held::Breach;
use crate::analysis::snapshot::Finding;
use crate::analysis::view::View;

const KIND: &str = "leaked-hold";

pub(super) fn find(view: &View<'_>) -> Vec<Finding> {
    of_breach(view, Breach::LeakedHold, KIND, |lock, task| {
        (
            format!("work item ends with a lock held: {lock}"),
            format!("{task} took {lock} in a work item and still holds it when the item ends"),
        )
    })
}
