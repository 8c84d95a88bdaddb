//! Verdicts: can this cycle really deadlock?
//!
//! One side of a cycle can have many pieces of evidence. The verdict is the most severe one over all their combinations, and among the
//! equally severe the combination with the fewest and smallest names is shown, so that the order of events does not matter.

use rustc_hash::FxHashSet;

use super::concurrency::{self, Apart};
use super::context::Classes;
use super::event::{LockKind, Mode};
use super::graph::{Edge, Evidence, Situation};
use super::level::{Level, Node, Nodes};
use super::lock::LockId;
use super::snapshot;
use super::strand::Runner;
use super::view::View;

/// Combinations of evidence that are tried per cycle.
const MAX_COMBINATIONS: usize = 100_000;

/// Combinations for which all orders of the trace are searched, per cycle.
const MAX_SEARCHES: usize = 64;

/// Pieces of evidence that are looked at per side. Of a class with many objects there can be any number.
const MAX_CANDIDATES: usize = 512;

/// From the least severe to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// All sides, or two of them, only ever ran in one task.
    SingleTask,
    /// One side always finished before another began.
    Ordered,
    /// Two sides always hold a common lock that keeps them apart.
    Guarded,
    /// Closes only through a shared request that meets a shared hold.
    NeedsWriter,
    /// Nothing keeps the sides apart.
    Possible,
    /// One task waits for itself.
    Certain,
    /// It has happened.
    Deadlock,
}

impl Verdict {
    /// From the most severe to the least.
    pub(crate) const ALL: [Self; 7] = [
        Self::Deadlock,
        Self::Certain,
        Self::Possible,
        Self::NeedsWriter,
        Self::Guarded,
        Self::Ordered,
        Self::SingleTask,
    ];

    /// As the document has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleTask => "single-task",
            Self::Ordered => "ordered",
            Self::Guarded => "guarded",
            Self::NeedsWriter => "needs-writer",
            Self::Possible => "possible",
            Self::Certain => "certain",
            Self::Deadlock => "deadlock",
        }
    }
}

/// One side of a cycle: a dependency and the piece of its evidence that was picked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick<'a> {
    /// Index of the dependency.
    pub(crate) dependency: u32,
    /// Index into its evidence.
    pub(crate) index: usize,
    pub(crate) edge: Edge,
    pub(crate) evidence: &'a Evidence,
    pub(crate) situation: &'a Situation,
}

impl Pick<'_> {
    /// The locks held from the one it starts from on.
    pub(crate) fn from(&self) -> usize {
        usize::from(self.evidence.from)
    }
}

/// A verdict and the combination that proves it.
#[derive(Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) level: Level,
    pub(crate) verdict: Verdict,
    /// One per side, in the order of the cycle.
    pub(crate) sides: Vec<Pick<'a>>,
    /// What keeps the sides apart, where it took the whole trace to see it.
    pub(crate) apart: Option<Apart>,
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
        if let Some(Apart::Kept(locks)) = &self.apart {
            guards.extend(
                locks
                    .iter()
                    .filter(|lock| !guards.contains(lock))
                    .copied()
                    .collect::<Vec<_>>(),
            );
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

    /// Whether each side requests the very lock that the next one holds.
    pub(crate) fn is_of_instances(&self) -> bool {
        let next = self.sides.iter().cycle().skip(1);
        self.sides
            .iter()
            .zip(next)
            .all(|(side, next)| side.edge.to == next.edge.from)
    }
}

/// What a request comes to that meets a hold: `None` when it is granted at once.
///
/// Readers of a `rw_semaphore` queue behind a waiting writer (`rwsem_down_read_slowpath()`), recursive readers do not.
pub(crate) fn join(request: Mode, hold: Mode) -> Option<Verdict> {
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
pub(crate) fn recursion<'a>(view: &'a View<'a>, nodes: &Nodes<'a>, node: Node) -> Option<Judgement<'a>> {
    let (picks, _) = candidates(view, nodes, &FxHashSet::from_iter([node]), node, node);
    let judged = picks.into_iter().filter_map(|pick| {
        let verdict = match join(pick.edge.to_mode, pick.edge.from_mode)? {
            // Two objects of one class: it takes another task, which nests them the other way round.
            _ if pick.edge.from != pick.edge.to && view.context.classes == Classes::Milder => Verdict::SingleTask,
            Verdict::Possible => Verdict::Certain,
            verdict => verdict,
        };
        Some((verdict, pick))
    });
    // The first of the most severe ones.
    let best = judged.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(Judgement {
        level: nodes.level,
        verdict: best.0,
        sides: vec![best.1],
        apart: None,
        cut_short: false,
    })
}

/// Judges a cycle of two nodes or more. `None` when no combination of its evidence makes one.
pub(crate) fn cycle<'a>(view: &'a View<'a>, nodes: &Nodes<'a>, cycle: &[Node]) -> Option<Judgement<'a>> {
    let all: FxHashSet<_> = cycle.iter().copied().collect();
    let next = cycle.iter().cycle().skip(1);
    let mut cut_short = false;
    let sides: Vec<_> = cycle
        .iter()
        .zip(next)
        .map(|(&from, &to)| {
            let (picks, cut) = candidates(view, nodes, &all, from, to);
            cut_short |= cut;
            picks
        })
        .collect();
    let mut search = Search {
        view,
        sides: &sides,
        chosen: Vec::new(),
        bounds: vec![Verdict::Possible],
        searches: 0,
        best: None,
    };
    cut_short |= !search.run();
    let (verdict, sides, apart) = search.best?;
    Some(Judgement {
        level: nodes.level,
        verdict,
        sides,
        apart,
        cut_short,
    })
}

/// The evidence for a side, the simplest first, and whether some was left out. Evidence in which another lock of the cycle is held is
/// superfluous: a shorter cycle stands for it.
fn candidates<'a>(
    view: &'a View<'a>,
    nodes: &Nodes<'a>,
    cycle: &FxHashSet<Node>,
    from: Node,
    to: Node,
) -> (Vec<Pick<'a>>, bool) {
    let graph = view.graph();
    let mut picks = Vec::new();
    let mut cut = false;
    'all: for (dependency, between) in nodes.between(from, to) {
        for (index, evidence) in between.evidence.iter().enumerate() {
            let Some(situation) = graph.situation(evidence) else {
                continue;
            };
            let needed = |lock: LockId| nodes.of(lock) == from || !cycle.contains(&nodes.of(lock));
            if !situation.held.iter().all(|taken| needed(taken.lock)) {
                continue;
            }
            if picks.len() == MAX_CANDIDATES {
                cut = true;
                break 'all;
            }
            picks.push(Pick {
                dependency,
                index,
                edge: between.edge,
                evidence,
                situation,
            });
        }
    }
    picks.sort_by_cached_key(|pick| {
        let held = &pick.situation.held;
        let names: Vec<_> = held
            .iter()
            .map(|taken| (view.name(taken.lock).to_string(), snapshot::Mode::from(taken.mode)))
            .collect();
        let taken_at = held.get(pick.from()).and_then(|from| view.function(from.stack));
        let requested_at = view.function(pick.situation.request.stack);
        let task = view.task(pick.evidence.task);
        let between = held.len() - pick.from();
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
    (picks, cut)
}

/// Tries the combinations of evidence, side by side; keeps its own stack, for a cycle can be of any length.
struct Search<'s, 'a> {
    view: &'a View<'a>,
    sides: &'s [Vec<Pick<'a>>],
    chosen: Vec<Pick<'a>>,
    /// What the sides chosen so far come to: of none, of the first, and so on.
    bounds: Vec<Verdict>,
    searches: usize,
    best: Option<(Verdict, Vec<Pick<'a>>, Option<Apart>)>,
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
                self.judge(bound);
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
        self.best.as_ref().is_some_and(|(best, _, _)| bound <= *best)
    }

    /// What the picked sides come to with one more.
    fn with(&self, pick: &Pick<'_>, bound: Verdict) -> Option<Verdict> {
        let mut verdict = bound;
        for other in &self.chosen {
            if same_runner(self.view, other.evidence, pick.evidence) {
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

    /// Keeps a whole combination that is more severe than the best one so far.
    fn judge(&mut self, bound: Verdict) {
        let mut verdict = bound;
        let mut apart = None;
        if bound >= Verdict::NeedsWriter && self.searches < MAX_SEARCHES {
            self.searches += 1;
            apart = self.apart();
            verdict = match apart {
                Some(Apart::Ordered(_)) => Verdict::Ordered,
                Some(Apart::Kept(_)) => Verdict::Guarded,
                None => bound,
            };
        }
        if !self.is_beaten(verdict) {
            self.best = Some((verdict, self.chosen.clone(), apart));
        }
    }

    /// What the trace tells about whether the sides can be where they are at once.
    fn apart(&self) -> Option<Apart> {
        let locks = &self.view.model.locks;
        let side = |pick: &Pick<'_>| {
            let to = pick.edge.to;
            let completion = locks.get(to).is_some_and(|lock| lock.kind == LockKind::Completion);
            Some(concurrency::Side {
                place: pick.evidence.place?,
                completion: completion.then_some(to),
            })
        };
        let sides = self.chosen.iter().map(side).collect::<Option<Vec<_>>>()?;
        concurrency::apart(&self.view.model.strands, &sides, &self.view.budget)
    }
}

/// Whether two sides can only be one task, or one work item. A source that tells two tasks of a chain may know of more.
fn same_runner(view: &View<'_>, a: &Evidence, b: &Evidence) -> bool {
    if a.among_others || b.among_others {
        return false;
    }
    let of_task = a.task.id == b.task.id;
    let work = |work: LockId| view.model.strands.work(work);
    match (a.runner, b.runner) {
        (Runner::Task(a), Runner::Task(b)) => a == b,
        (Runner::Work(a), Runner::Work(b)) if a == b => of_task || work(a).is_none_or(|work| !work.reentrant),
        (Runner::Work(_), Runner::Work(_)) => false,
        // Nobody queued it: it is the thread's own doing.
        (Runner::Work(run), Runner::Task(_)) | (Runner::Task(_), Runner::Work(run)) => {
            of_task && work(run).is_none_or(|work| work.queued.is_empty())
        }
    }
}
