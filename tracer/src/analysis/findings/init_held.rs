//! A lock is initialised while somebody holds it (lockdep's "trying to initialize a held lock").

use super::of_breach;
use crate::analysis::held::Breach;
use crate::analysis::snapshot::Finding;
use crate::analysis::view::View;

const KIND: &str = "init-held";

pub(super) fn find(view: &View<'_>) -> Vec<Finding> {
    of_breach(view, Breach::InitHeld, KIND, |lock, task| {
        (
            format!("held lock initialised: {lock}"),
            format!("{task} initialises {lock} while it is held"),
        )
    })
}
