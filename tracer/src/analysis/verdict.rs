//! Verdicts: can this cycle really deadlock?
//!
//! One side of a cycle can have many pieces of evidence. The verdict is the most severe one over all their combinations, and among the
//! equally severe the combination with the fewest and smallest names is shown, so that the order of events does not matter.

use std::collections::HashSet;

use super::event::Mode;
use super::graph::{Edge, Evidence, Situation};
use super::lock::LockId;
use super::task::TaskId;
use super::view::{View, mode};

/// Combinations of evidence that are tried per cycle.
const MAX_COMBINATIONS: usize = 100_000;

/// From the least severe to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// All sides, or two of them, only ever ran in one task.
    SingleTask,
    /// Two sides always hold a common lock that keeps them apart.
    Guarded,
    /// Closes only through a shared request that meets a shared hold.
    NeedsWriter,
    /// Nothing keeps the sides apart.
    Possible,
    /// One task waits for itself.
    Certain,
}

impl Verdict {
    /// As the document has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleTask => "single-task",
            Self::Guarded => "guarded",
            Self::NeedsWriter => "needs-writer",
            Self::Possible => "possible",
            Self::Certain => "certain",
        }
    }
}

/// One side of a cycle: a dependency and the piece of its evidence that was picked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick<'a> {
    /// Index of the dependency.
    pub(crate) dependency: usize,
    /// Index into its evidence.
    pub(crate) index: usize,
    pub(crate) edge: Edge,
    pub(crate) evidence: &'a Evidence,
    pub(crate) situation: &'a Situation,
}

/// A verdict and the combination that proves it.
#[derive(Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) verdict: Verdict,
    /// One per side, in the order of the cycle.
    pub(crate) sides: Vec<Pick<'a>>,
    /// Combinations were left untried: the verdict could be more severe.
    pub(crate) cut_short: bool,
}

impl Judgement<'_> {
    /// The locks that keep two sides apart.
    pub(crate) fn guards(&self) -> Vec<LockId> {
        let mut guards = Vec::new();
        for (position, a) in self.sides.iter().enumerate() {
            for b in self.sides.iter().skip(position + 1) {
                let new = common_guards(a.situation, b.situation).filter(|lock| !guards.contains(lock));
                guards.extend(new.collect::<Vec<_>>());
            }
        }
        guards
    }

    /// The locks that a side requests shared while the next side holds them shared.
    pub(crate) fn shared_meets_shared(&self) -> Vec<LockId> {
        let next = self.sides.iter().cycle().skip(1);
        let joins = self.sides.iter().zip(next);
        joins
            .filter(|(side, next)| join(side.edge.to_mode, next.edge.from_mode) == Some(Verdict::NeedsWriter))
            .map(|(side, _)| side.edge.to)
            .collect()
    }
}

/// What a request comes to that meets a hold: `None` when it is granted at once.
///
/// Readers of a `rw_semaphore` queue behind a waiting writer (`rwsem_down_read_slowpath()`), recursive readers do not.
fn join(request: Mode, hold: Mode) -> Option<Verdict> {
    match (request, hold) {
        (Mode::Exclusive, _) | (_, Mode::Exclusive) => Some(Verdict::Possible),
        (Mode::Shared, Mode::Shared | Mode::SharedRecursive) => Some(Verdict::NeedsWriter),
        (Mode::SharedRecursive, Mode::Shared | Mode::SharedRecursive) => None,
    }
}

/// Locks that both hold and at least one of them exclusively.
fn common_guards<'a>(a: &'a Situation, b: &'a Situation) -> impl Iterator<Item = LockId> + 'a {
    let guards = |x: &super::held::Taken, y: &super::held::Taken| {
        x.lock == y.lock && (x.mode == Mode::Exclusive || y.mode == Mode::Exclusive)
    };
    a.held
        .iter()
        .filter(move |x| b.held.iter().any(|y| guards(x, y)))
        .map(|taken| taken.lock)
}

/// Judges a task that requests what it holds. `None` when every such request is granted.
pub(crate) fn recursion<'a>(view: &View<'a>, lock: LockId) -> Option<Judgement<'a>> {
    let judged = candidates(view, &HashSet::from([lock]), lock, lock)
        .into_iter()
        .filter_map(|pick| {
            let verdict = match join(pick.edge.to_mode, pick.edge.from_mode)? {
                Verdict::Possible => Verdict::Certain,
                verdict => verdict,
            };
            Some((verdict, pick))
        });
    // The first of the most severe ones.
    let best = judged.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(Judgement {
        verdict: best.0,
        sides: vec![best.1],
        cut_short: false,
    })
}

/// Judges a cycle of two locks or more. `None` when no combination of its evidence makes one.
pub(crate) fn cycle<'a>(view: &View<'a>, locks: &[LockId]) -> Option<Judgement<'a>> {
    let all: HashSet<_> = locks.iter().copied().collect();
    let next = locks.iter().cycle().skip(1);
    let sides: Vec<_> = locks
        .iter()
        .zip(next)
        .map(|(&from, &to)| candidates(view, &all, from, to))
        .collect();
    let mut search = Search {
        sides: &sides,
        chosen: Vec::new(),
        bounds: vec![Verdict::Possible],
        best: None,
    };
    let cut_short = !search.run();
    let (verdict, sides) = search.best?;
    Some(Judgement {
        verdict,
        sides,
        cut_short,
    })
}

/// The evidence for a side, the simplest first. Evidence in which another lock of the cycle is held is superfluous: a shorter cycle
/// stands for it.
fn candidates<'a>(view: &View<'a>, cycle: &HashSet<LockId>, from: LockId, to: LockId) -> Vec<Pick<'a>> {
    let graph = &view.model.graph;
    let mut picks = Vec::new();
    for (dependency, between) in graph.between(from, to) {
        for (index, evidence) in between.evidence.iter().enumerate() {
            let Some(situation) = graph.situation(evidence) else {
                continue;
            };
            if !situation
                .held
                .iter()
                .any(|taken| taken.lock != from && cycle.contains(&taken.lock))
            {
                picks.push(Pick {
                    dependency,
                    index,
                    edge: between.edge,
                    evidence,
                    situation,
                });
            }
        }
    }
    picks.sort_by_cached_key(|pick| {
        let held = &pick.situation.held;
        let names: Vec<_> = held
            .iter()
            .map(|taken| (view.name(taken.lock).to_string(), mode(taken.mode)))
            .collect();
        let taken_at = held.get(pick.evidence.from).and_then(|from| view.function(from.stack));
        let requested_at = view.function(pick.situation.request.stack);
        let task = view.task(pick.evidence.task);
        let between = held.len() - pick.evidence.from;
        (
            pick.evidence.among_others,
            between,
            held.len(),
            names,
            taken_at,
            requested_at,
            task,
        )
    });
    picks
}

/// Tries the combinations of evidence, side by side; keeps its own stack, for a cycle can be of any length.
struct Search<'s, 'a> {
    sides: &'s [Vec<Pick<'a>>],
    chosen: Vec<Pick<'a>>,
    /// What the sides chosen so far come to: of none, of the first, and so on.
    bounds: Vec<Verdict>,
    best: Option<(Verdict, Vec<Pick<'a>>)>,
}

impl Search<'_, '_> {
    /// False when combinations were left untried.
    fn run(&mut self) -> bool {
        let mut tried = 0;
        // Which candidate is next, per side.
        let mut next = vec![0];
        while let (Some(position), Some(&bound)) = (next.last_mut(), self.bounds.last()) {
            let complete = self.chosen.len() == self.sides.len();
            let candidate = self.sides.get(self.chosen.len()).and_then(|side| side.get(*position));
            if complete {
                self.best = Some((bound, self.chosen.clone()));
            }
            let Some(pick) = candidate.filter(|_| !self.is_beaten(bound)) else {
                next.pop();
                self.bounds.pop();
                self.chosen.pop();
                continue;
            };
            *position += 1;
            tried += 1;
            if tried > MAX_COMBINATIONS.max(self.sides.len()) {
                return false;
            }
            if let Some(bound) = self.with(pick, bound).filter(|&bound| !self.is_beaten(bound)) {
                self.chosen.push(*pick);
                self.bounds.push(bound);
                next.push(0);
            }
        }
        true
    }

    fn is_beaten(&self, bound: Verdict) -> bool {
        self.best.as_ref().is_some_and(|(best, _)| bound <= *best)
    }

    /// What the picked sides come to with one more.
    fn with(&self, pick: &Pick<'_>, bound: Verdict) -> Option<Verdict> {
        let mut verdict = bound;
        for other in &self.chosen {
            if same_task(other.evidence, pick.evidence) {
                verdict = verdict.min(Verdict::SingleTask);
            } else if common_guards(other.situation, pick.situation).next().is_some() {
                verdict = verdict.min(Verdict::Guarded);
            }
        }
        if let Some(before) = self.chosen.last() {
            verdict = verdict.min(join(before.edge.to_mode, pick.edge.from_mode)?);
        }
        if self.chosen.len() + 1 == self.sides.len()
            && let Some(first) = self.chosen.first()
        {
            verdict = verdict.min(join(pick.edge.to_mode, first.edge.from_mode)?);
        }
        Some(verdict)
    }
}

/// Whether two sides can only be one task. A source that tells two tasks of a chain may know of more.
fn same_task(a: &Evidence, b: &Evidence) -> bool {
    let task = |evidence: &Evidence| -> TaskId { evidence.task.id };
    task(a) == task(b) && !a.among_others && !b.among_others
}
