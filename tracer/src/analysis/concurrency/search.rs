//! All orders of a small trace, searched for one that gets every side to its place.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Side;
use crate::analysis::event::Mode;
use crate::analysis::lock::LockId;
use crate::analysis::strand::{Operation, Runner, Strand, StrandId, Strands, Work};

/// Strands that take part at most; beyond it a search would not end in time anyway.
const MAX_STRANDS: usize = 24;

/// Which locks keep strands apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enforce {
    All,
    Nothing,
    Only(LockId),
    AllBut(LockId),
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reached,
    Unreachable,
    /// The limit ended it.
    Unknown,
}

struct Part<'a> {
    id: StrandId,
    strand: &'a Strand,
    /// Where it has to get.
    place: Option<u32>,
    /// Where the section begins that it is in there.
    section: u32,
    /// It stands for all executions of this work item, and begins again whenever that is queued.
    repeats: Option<LockId>,
}

/// The strands that matter and how far they go.
pub(super) struct Search<'a> {
    strands: &'a Strands,
    parts: Vec<Part<'a>>,
    completions: Vec<LockId>,
    works: Vec<LockId>,
}

/// Where everybody is, and what follows from that.
#[derive(Clone, Default)]
struct State {
    positions: Vec<u32>,
    /// Work items that are queued and have not begun.
    pending: Vec<LockId>,
    /// Of strands that are about to pass a flush: executions to wait for plus one, 0 for one that has not begun to wait.
    flushes: Vec<u32>,
    /// How often each was completed and waited for.
    completed: BTreeMap<LockId, (u32, u32)>,
    /// These two follow from the positions.
    holds: FxHashMap<LockId, (u32, u32)>,
    running: FxHashMap<LockId, u32>,
}

impl<'a> Search<'a> {
    /// `None` when the trace does not tell enough, or too many strands take part.
    pub(super) fn new(strands: &'a Strands, sides: &[Side]) -> Option<Self> {
        if strands.cut {
            return None;
        }
        let stands_for = |id: StrandId| stands_for(strands, id);
        let mut ids: Vec<_> = sides.iter().map(|side| stands_for(side.place.strand)).collect();
        let mut known: FxHashSet<_> = ids.iter().copied().collect();
        let mut next = 0;
        while let Some(&id) = ids.get(next) {
            next += 1;
            for other in needed(strands, id).into_iter().map(stands_for) {
                if known.insert(other) {
                    ids.push(other);
                }
            }
            if ids.len() > MAX_STRANDS {
                return None;
            }
        }
        let part = |id: StrandId| {
            let strand = strands.get(id)?;
            let side = sides.iter().find(|side| stands_for(side.place.strand) == id);
            let place = side.map(|side| side.place.position);
            let repeats = match strand.runner {
                Runner::Work(work) if strands.body(work) == Some(id) => Some(work),
                _ => None,
            };
            Some(Part {
                id,
                strand,
                place,
                section: place.map_or(0, |place| section(strand, place)),
                repeats,
            })
        };
        let parts = ids.into_iter().map(part).collect::<Option<Vec<_>>>()?;
        let ordering = parts.iter().flat_map(|part| &part.strand.ordering);
        let works = ordering.filter_map(|(_, operation)| match operation {
            Operation::Begin(work) | Operation::Flush(work) => Some(*work),
            _ => None,
        });
        let works: Vec<_> = works.collect();
        // In another order there are executions that the trace does not show: who knows what they do.
        let unknown = |work: LockId| strands.body(work).is_none() && strands.work(work).is_some_and(Work::is_merged);
        if works.iter().any(|&work| unknown(work)) {
            return None;
        }
        Some(Self {
            strands,
            works,
            parts,
            completions: sides.iter().filter_map(|side| side.completion).collect(),
        })
    }

    /// All locks that the strands take.
    pub(super) fn locks(&self) -> Vec<LockId> {
        let operations = self.parts.iter().flat_map(|part| &part.strand.operations);
        let taken = operations.filter_map(|operation| match operation {
            Operation::Acquire(lock, _) => Some(*lock),
            _ => None,
        });
        let mut locks: Vec<_> = taken.filter(|lock| !self.strands.doubtful.contains(lock)).collect();
        locks.sort();
        locks.dedup();
        locks
    }

    /// Searches; tells how many states it took.
    pub(super) fn run(&self, enforce: Enforce, limit: u64) -> (Outcome, u64) {
        let start = State {
            positions: vec![0; self.parts.len()],
            flushes: vec![0; self.parts.len()],
            ..State::default()
        };
        let mut seen = FxHashSet::default();
        let mut todo = vec![start];
        let mut states = 0;
        while let Some(state) = todo.pop() {
            let State {
                positions,
                pending,
                flushes,
                completed,
                ..
            } = state.clone();
            if !seen.insert((positions, pending, flushes, completed)) {
                continue;
            }
            if self.arrived(&state) {
                return (Outcome::Reached, states);
            }
            states += 1;
            if states > limit {
                return (Outcome::Unknown, states);
            }
            let mut moves: Vec<_> = (0..self.parts.len())
                .filter_map(|part| Some((self.rank(&state, part), self.step(&state, part, enforce)?)))
                .collect();
            moves.sort_by_key(|(rank, _)| *rank);
            todo.extend(moves.into_iter().map(|(_, state)| state));
        }
        (Outcome::Unreachable, states)
    }

    fn arrived(&self, state: &State) -> bool {
        let mut parts = self.parts.iter().zip(&state.positions);
        parts.all(|(part, &position)| part.place.is_none_or(|place| position == place))
            && self
                .completions
                .iter()
                .all(|&completion| !self.is_complete(state, completion))
    }

    /// The larger the sooner: strands that are in no one's way any more when they are done go first, final sections last.
    fn rank(&self, state: &State, part: usize) -> u8 {
        match (self.parts.get(part), state.positions.get(part)) {
            (Some(part), Some(&position)) if part.place.is_some() && position >= part.section => 0,
            (Some(part), _) if part.place.is_some() => 2,
            _ => 1,
        }
    }

    fn step(&self, state: &State, index: usize, enforce: Enforce) -> Option<State> {
        let part = self.parts.get(index)?;
        let position = *state.positions.get(index)?;
        let arrived = part.place == Some(position) && part.repeats.is_none();
        if arrived || (position == 0 && !self.may_start(state, part)) {
            return None;
        }
        let operation = *part.strand.operations.get(position as usize)?;
        let mut next = state.clone();
        if let Operation::Flush(work) = operation {
            return self.flush(next, index, work);
        }
        self.apply(&mut next, operation, enforce)?;
        let ended = part.repeats.is_some_and(|work| operation == Operation::End(work));
        *next.positions.get_mut(index)? = if ended { 0 } else { position + 1 };
        Some(next)
    }

    /// Waits for the execution that is queued or else for the one under way, not for any that is queued later (`start_flush_work()`,
    /// kernel/workqueue.c, 6.12).
    fn flush(&self, mut state: State, index: usize, work: LockId) -> Option<State> {
        let ahead = self.ahead(&state, work);
        let flush = state.flushes.get_mut(index)?;
        match *flush {
            0 if ahead > 0 => *flush = ahead + 1,
            0 | 1 => {
                *flush = 0;
                *state.positions.get_mut(index)? += 1;
            }
            _ => return None,
        }
        Some(state)
    }

    /// Executions to come before one that would be queued now.
    fn ahead(&self, state: &State, work: LockId) -> u32 {
        let running = state.running.get(&work).copied().unwrap_or_default();
        running + u32::from(state.pending.contains(&work))
    }

    /// What waits in a flush has one execution less to wait for.
    fn end(&self, state: &mut State, work: LockId) {
        let running = state.running.entry(work).or_default();
        *running = running.saturating_sub(1);
        for ((part, position), flush) in self.parts.iter().zip(&state.positions).zip(&mut state.flushes) {
            let at = part.strand.operations.get(*position as usize);
            if *flush > 1 && at == Some(&Operation::Flush(work)) {
                *flush -= 1;
            }
        }
    }

    /// Where another strand is; all the way for one that takes no part.
    fn position(&self, state: &State, id: StrandId) -> u32 {
        let mut parts = self.parts.iter().zip(&state.positions);
        parts
            .find(|(part, _)| part.id == id)
            .map_or(u32::MAX, |(_, &position)| position)
    }

    fn may_start(&self, state: &State, part: &Part<'_>) -> bool {
        match part.strand.runner {
            Runner::Task(task) => self
                .strands
                .fork_of(task)
                .is_none_or(|fork| self.position(state, fork.strand) > fork.position),
            Runner::Work(_) if part.repeats.is_some() => true,
            Runner::Work(work) => {
                let Some(known) = self.strands.work(work).filter(|known| !known.reentrant) else {
                    return true;
                };
                let before = known.runs.iter().take_while(|&&run| run != part.id).last();
                before.is_none_or(|&before| self.has_ended(state, before))
            }
        }
    }

    fn has_ended(&self, state: &State, id: StrandId) -> bool {
        let length = self.strands.get(id).map_or(0, |strand| strand.length);
        self.position(state, id) >= length
    }

    /// Does an operation; `None` when it has to wait.
    fn apply(&self, state: &mut State, operation: Operation, enforce: Enforce) -> Option<()> {
        match operation {
            Operation::Acquire(lock, mode) => {
                let holds = state.holds.entry(lock).or_default();
                let free = holds.0 == 0 && (mode != Mode::Exclusive || holds.1 == 0);
                if !free && self.enforced(lock, enforce) {
                    return None;
                }
                *(if mode == Mode::Exclusive {
                    &mut holds.0
                } else {
                    &mut holds.1
                }) += 1;
            }
            Operation::Release(lock, mode) => {
                let holds = state.holds.entry(lock).or_default();
                let hold = if (mode == Mode::Exclusive && holds.0 > 0) || holds.1 == 0 {
                    &mut holds.0
                } else {
                    &mut holds.1
                };
                *hold = hold.saturating_sub(1);
            }
            Operation::Downgrade(lock) => {
                let holds = state.holds.entry(lock).or_default();
                *holds = (holds.0.saturating_sub(1), holds.1 + 1);
            }
            Operation::Queue(work) => {
                if self.works.contains(&work) && !state.pending.contains(&work) {
                    state.pending.push(work);
                    state.pending.sort();
                }
            }
            Operation::Begin(work) => self.begin(state, work)?,
            Operation::End(work) => self.end(state, work),
            Operation::Join(task) => {
                let ended = self
                    .strands
                    .of_task(task)
                    .is_none_or(|joined| self.has_ended(state, joined));
                if !ended {
                    return None;
                }
            }
            Operation::Wait(completion) => {
                if !self.is_complete(state, completion) {
                    return None;
                }
                state.completed.entry(completion).or_default().1 += 1;
            }
            Operation::Wake(completion) => state.completed.entry(completion).or_default().0 += 1,
            // A step of its own, and one that only lets others start.
            Operation::Flush(_) | Operation::Fork(_) => {}
        }
        Some(())
    }

    fn enforced(&self, lock: LockId, enforce: Enforce) -> bool {
        let enforced = match enforce {
            Enforce::All => true,
            Enforce::Nothing => false,
            Enforce::Only(only) => lock == only,
            Enforce::AllBut(not) => lock != not,
        };
        enforced && !self.strands.doubtful.contains(&lock)
    }

    fn begin(&self, state: &mut State, work: LockId) -> Option<()> {
        let known = self.strands.work(work)?;
        let running = state.running.entry(work).or_default();
        if !known.reentrant && *running > 0 {
            return None;
        }
        *running += 1;
        // Where it ran more often than it was seen to be queued, it may run at any time.
        let all_seen = known.queued.len() >= known.runs.len() || self.strands.body(work).is_none();
        if !known.queued.is_empty() && all_seen {
            let pending = state.pending.iter().position(|&pending| pending == work)?;
            state.pending.remove(pending);
        }
        Some(())
    }

    /// Whether a wait for it would pass. A completion that is waited for more often than it is completed was completed for all.
    fn is_complete(&self, state: &State, completion: LockId) -> bool {
        let Some(known) = self
            .strands
            .completion(completion)
            .filter(|known| !known.wakes.is_empty())
        else {
            return true;
        };
        let (wakes, waits) = state.completed.get(&completion).copied().unwrap_or_default();
        let for_all = known.waits as usize > known.wakes.len();
        if for_all { wakes > 0 } else { wakes > waits }
    }
}

/// The strand that stands for this one.
fn stands_for(strands: &Strands, id: StrandId) -> StrandId {
    match strands.runner(id) {
        Some(Runner::Work(work)) => strands.body(work).unwrap_or(id),
        _ => id,
    }
}

/// Strands without which this one cannot get on.
fn needed(strands: &Strands, id: StrandId) -> Vec<StrandId> {
    let Some(strand) = strands.get(id) else {
        return Vec::new();
    };
    let mut needed = Vec::new();
    let mut of_work = |work: LockId| {
        let known = strands.work(work);
        needed.extend(known.iter().flat_map(|known| &known.runs).copied());
        needed.extend(known.iter().flat_map(|known| &known.queued).map(|place| place.strand));
    };
    if let Runner::Work(work) = strand.runner {
        of_work(work);
    }
    for &(_, operation) in &strand.ordering {
        if let Operation::Flush(work) | Operation::Begin(work) = operation {
            of_work(work);
        }
    }
    if let Runner::Task(task) = strand.runner {
        needed.extend(strands.fork_of(task).map(|fork| fork.strand));
    }
    for &(_, operation) in &strand.ordering {
        match operation {
            Operation::Join(task) => needed.extend(strands.of_task(task)),
            Operation::Wait(completion) => {
                let wakes = strands
                    .completion(completion)
                    .into_iter()
                    .flat_map(|known| &known.wakes);
                needed.extend(wakes.map(|wake| wake.strand));
            }
            _ => {}
        }
    }
    needed
}

/// Where the section begins in which a strand is at a place: the last place before it where it held nothing.
fn section(strand: &Strand, place: u32) -> u32 {
    let (mut depth, mut begin) = (0u32, 0);
    for (position, operation) in (1u32..).zip(strand.operations.iter().take(place as usize)) {
        match operation {
            Operation::Acquire(..) => depth += 1,
            Operation::Release(..) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            begin = position;
        }
    }
    begin
}
