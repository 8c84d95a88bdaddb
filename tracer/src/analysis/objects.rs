//! Chains that were not told because one with other objects stands for them (`tracer-ebpf/src/path.rs`): where a cycle may be hidden by that.
//!
//! What is not told goes from class to class as what stands for it. So what is on no cycle of classes is on none of locks either, whichever these are.

use std::{cell::LazyCell, ops::Deref};

use super::cycle::{Part, Parts};
use super::event::{Known, NamedBy, Others};
use super::graph::{Edge, edge};
use super::lock::LockId;
use super::view::View;

/// How many of them there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Objects {
    /// Those that may have been on a cycle.
    pub(crate) lost: u64,
    /// Those that were on none.
    pub(crate) not_told: u64,
}

impl Objects {
    pub(crate) fn of(view: &View<'_>) -> Self {
        let mut objects = Self::default();
        let circles = LazyCell::new(|| Circles::of(view));
        for others in view.model.others.values() {
            let count = if may_hide(view, &circles, others) {
                &mut objects.lost
            } else {
                &mut objects.not_told
            };
            *count = count.saturating_add(others.count);
        }
        objects
    }
}

fn may_hide(view: &View<'_>, circles: &impl Deref<Target = Circles>, others: &Others) -> bool {
    match others.known {
        Known::LeftOut => return false,
        Known::Nothing => return true,
        Known::ByClass => {}
    }
    let Some(seen) = view.model.chains.known(others.chain) else {
        return true;
    };
    // A request that waits for nobody, or on top of nothing that is left, makes no dependency.
    let situations = view.model.graph.situations();
    let Some(situation) = seen.situation.and_then(|index| situations.get(index as usize)) else {
        return false;
    };
    situation
        .held
        .iter()
        .any(|from| circles.has(view, edge(from, &situation.request)))
}

/// The classes that are on cycles with each other: also those that lockdep does not validate, for their locks are judged one by one.
struct Circles(Parts);

impl Circles {
    fn of(view: &View<'_>) -> Self {
        let (classes, _) = view.sizes();
        let edges = view.graph().dependencies().iter().map(|dependency| dependency.edge);
        let edges = edges.filter(|edge| !view.model.locks.back_off(edge.from, edge.to));
        let edges: Vec<_> = edges.map(|edge| classes_of(view, edge)).collect();
        let classes = u32::try_from(classes).unwrap_or(u32::MAX);
        Self(Parts::of(classes, &Part::of_edges(classes, &edges)))
    }

    fn has(&self, view: &View<'_>, edge: Edge) -> bool {
        let is_there = view.graph().index(edge).is_some() && !view.model.locks.back_off(edge.from, edge.to);
        let (from, to) = classes_of(view, edge);
        is_there && ([edge.from, edge.to].iter().any(|&lock| is_vague(view, lock)) || self.0.on_cycle(from, to))
    }
}

fn classes_of(view: &View<'_>, edge: Edge) -> (u32, u32) {
    (view.class_number(edge.from), view.class_number(edge.to))
}

/// Whether other locks that are taken in the same place may be of another class: where it goes by who took a lock first.
fn is_vague(view: &View<'_>, lock: LockId) -> bool {
    let name = view.model.locks.get(lock).and_then(|lock| lock.name.as_ref());
    name.is_none_or(|name| matches!(name.named_by, Some(NamedBy::Taker | NamedBy::Slab)))
}
