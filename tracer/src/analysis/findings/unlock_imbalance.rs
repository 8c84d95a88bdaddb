//! A lock is released more often than it was taken (lockdep's "bad unlock balance detected").

use super::of_breach;
use crate::analysis::held::Breach;
use crate::analysis::snapshot::Finding;
use crate::analysis::view::View;

const KIND: &str = "unlock-imbalance";

pub(super) fn find(view: &View<'_>) -> Vec<Finding> {
    of_breach(view, Breach::UnlockImbalance, KIND, |lock, task| {
        (
            format!("bad unlock balance: {lock}"),
            format!("{task} releases {lock}, which nobody holds"),
        )
    })
}
