//! Could these strands be at these places at once?
//!
//! A trace shows one order in which its steps happened; a deadlock needs another one. First the steps that order strands (fork, join,
//! queue, flush, wait, wake) are followed backwards: what must have happened before a strand is where it is ([`order`]). Then, where
//! the whole trace is kept and small enough, all orders that its locks and waits allow are searched for one that gets every side to its
//! place ([`search`]): exact, within a budget. What neither rules out stays possible.
//!
//! Every strand is taken to do in any order what it did in this one; a program that branches on what others did may do otherwise.

mod order;
mod search;

use std::cell::Cell;

use super::lock::LockId;
use super::strand::{Operation, Place, Strands};
use search::{Enforce, Outcome, Search};

/// States that one search may visit.
const MAX_STATES: u64 = 50_000;

/// And all searches for one snapshot together.
const MAX_STATES_IN_ALL: u64 = 3_000_000;

/// A side of a cycle: where its strand is, and what it waits for there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) place: Place,
    /// A completion, which must not have been completed yet.
    pub(crate) completion: Option<LockId>,
}

/// What keeps sides apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// One has to be past its place before another gets to its own: what orders them, where that is a single step.
    Ordered(Option<Operation>),
    /// These locks, whoever holds them.
    Kept(Vec<LockId>),
}

/// States left for the searches of one snapshot.
#[derive(Debug)]
pub(crate) struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MAX_STATES_IN_ALL))
    }
}

/// What keeps these sides apart; `None` when nothing is known to.
pub(crate) fn apart(strands: &Strands, sides: &[Side], budget: &Budget) -> Option<Apart> {
    if let Some(by) = order::between(strands, sides) {
        return Some(Apart::Ordered(Some(by)));
    }
    let search = Search::new(strands, sides)?;
    let run = |enforce: Enforce| {
        let limit = MAX_STATES.min(budget.0.get());
        let (outcome, states) = search.run(enforce, limit);
        budget.0.set(budget.0.get().saturating_sub(states));
        outcome
    };
    if run(Enforce::All) != Outcome::Unreachable {
        return None;
    }
    if run(Enforce::Nothing) == Outcome::Unreachable {
        return Some(Apart::Ordered(None));
    }
    let locks = search.locks();
    let alone = |&lock: &LockId| run(Enforce::Only(lock)) == Outcome::Unreachable;
    let needed = |&lock: &LockId| run(Enforce::AllBut(lock)) == Outcome::Reached;
    let mut keep: Vec<_> = locks.iter().copied().filter(alone).collect();
    if keep.is_empty() {
        keep = locks.iter().copied().filter(needed).collect();
    }
    Some(Apart::Kept(if keep.is_empty() { locks } else { keep }))
}
