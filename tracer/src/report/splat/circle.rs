//! A finding as lockdep sees it: one task that tries to take a lock, and the chain of dependencies that stands against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::frame;
use crate::analysis::snapshot::{Dependency, Evidence, Finding, Held, Lock, Mode, Side, Snapshot};
use crate::report::clean;

/// What is printed of a lock.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its class; the name of the lock where the splat has several of one class.
    pub(super) name: String,
    /// In which contexts it is taken: `+.+.`
    pub(super) usage: &'static str,
    /// Its address, or what stands for it, in 16 digits.
    pub(super) address: String,
    pub(super) mode: Mode,
    /// Where it is requested while the entry before it is held, innermost first.
    pub(super) stack: Vec<String>,
    /// Who called the primitive.
    pub(super) place: String,
}

/// A task's part.
#[derive(Debug)]
pub(super) struct Part {
    /// What it holds of the circle, in order, and at the end what it waits for.
    pub(super) locks: Vec<Entry>,
}

/// The whole of it.
#[derive(Debug)]
pub(super) struct Circle<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// The task that tries, and those that have done the rest; the one that waits for what it holds comes first.
    pub(super) parts: Vec<Part>,
    pub(super) sides: Vec<Side>,
    /// Everything that the task that tries holds.
    pub(super) held: Vec<Entry>,
    objects: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Circle<'a> {
    /// None where the document does not have the evidence.
    pub(super) fn of(snapshot: &'a Snapshot, finding: &Finding) -> Option<Self> {
        let seen = finding.scenario.iter().map(|side| Seen::of(snapshot, side));
        let mut seen: Vec<_> = seen.collect::<Option<_>>()?;
        // lockdep reports the task that closes the circle: the last one that was seen.
        let last = (0..seen.len()).max_by_key(|&number| seen.get(number).map(|seen| seen.evidence.time_ns))?;
        seen.rotate_left(last);
        let names = Names::of(snapshot, &seen, finding.level == "class");
        let trying = seen.first()?;
        let held = trying.evidence.held.iter().map(|held| {
            let stack = trying.taken_at(snapshot, held.lock);
            names.entry(held.lock, held.mode, stack)
        });
        let mut sides: Vec<_> = seen.iter().map(|seen| seen.side.clone()).collect();
        for side in &mut sides {
            side.task = clean::text(&side.task).into_owned();
            for step in &mut side.steps {
                step.lock = clean::text(&step.lock).into_owned();
            }
        }
        Some(Self {
            snapshot,
            held: held.collect(),
            parts: seen.iter().map(|seen| seen.part(snapshot, &names)).collect(),
            sides,
            objects: names.objects(&seen),
        })
    }

    /// Names of the locks that a class of the circle stands for.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&str, String)> {
        let listed = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        self.objects
            .iter()
            .map(move |(class, names)| (class.as_str(), listed(names)))
    }
}

/// A side and what proves it.
struct Seen<'a> {
    side: &'a Side,
    dependency: &'a Dependency,
    evidence: &'a Evidence,
    /// What it holds of the circle, in order.
    held: &'a [Held],
}

impl<'a> Seen<'a> {
    fn of(snapshot: &'a Snapshot, side: &'a Side) -> Option<Self> {
        let mut dependencies = snapshot.dependencies.iter();
        let dependency = dependencies.find(|dependency| dependency.id == side.dependency)?;
        let evidence = dependency.evidence.get(side.evidence as usize)?;
        let first = evidence.held.iter().rposition(|held| held.lock == dependency.from)?;
        Some(Self {
            side,
            dependency,
            evidence,
            held: evidence.held.get(first..)?,
        })
    }

    fn part(&self, snapshot: &Snapshot, names: &Names<'_>) -> Part {
        let first = self
            .held
            .first()
            .map(|held| names.entry(held.lock, held.mode, &self.evidence.from_stack));
        let inner = self.held.windows(2).filter_map(|pair| match pair {
            [before, held] => {
                let stack = self.requested_at(snapshot, before.lock, held.lock);
                Some(names.entry(held.lock, held.mode, stack))
            }
            _ => None,
        });
        let (to, mode) = (self.dependency.to, self.dependency.to_mode);
        let last = names.entry(to, mode, &self.evidence.to_stack);
        Part {
            locks: first.into_iter().chain(inner).chain([last]).collect(),
        }
    }

    /// Whether this is evidence of the same task.
    fn is_same_task(&self, other: &Evidence) -> bool {
        (&other.task, other.pid) == (&self.evidence.task, self.evidence.pid)
    }

    /// Where the task of this side took a lock that it holds, as far as is known.
    fn taken_at<'s>(&self, snapshot: &'s Snapshot, lock: u32) -> &'s [Arc<str>] {
        let of = snapshot
            .dependencies
            .iter()
            .filter(|of| of.from == lock && of.to == self.dependency.to);
        let evidence = of
            .flat_map(|of| &of.evidence)
            .filter(|evidence| self.is_same_task(evidence));
        let same_time = |evidence: &&Evidence| evidence.time_ns.abs_diff(self.evidence.time_ns);
        evidence
            .min_by_key(same_time)
            .map_or(&[], |evidence| &evidence.from_stack)
    }

    /// Where a lock was requested while the one before it was held: by this task, or where it only took it, or by any.
    fn requested_at<'s>(&self, snapshot: &'s Snapshot, before: u32, lock: u32) -> &'s [Arc<str>] {
        let of = |from| {
            let of = snapshot.dependencies.iter();
            let of = of.filter(move |of| of.from == from && of.to == lock);
            of.flat_map(|of| &of.evidence)
                .filter(|evidence| !evidence.to_stack.is_empty())
        };
        let own = |from| {
            of(from)
                .find(|evidence| self.is_same_task(evidence))
                .map(|evidence| &evidence.to_stack[..])
        };
        let taken = || Some(self.taken_at(snapshot, lock)).filter(|stack| !stack.is_empty());
        let any = || of(before).next().map(|evidence| &evidence.to_stack[..]);
        own(before)
            .or_else(|| own(self.dependency.from))
            .or_else(taken)
            .or_else(any)
            .unwrap_or(&[])
    }
}

/// What locks are called in one splat.
struct Names<'a> {
    locks: BTreeMap<u32, &'a Lock>,
    /// How each class is taken: exclusive, shared.
    usage: BTreeMap<&'a str, [bool; 2]>,
    /// Classes of which the splat tells several objects apart.
    several: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(snapshot: &'a Snapshot, seen: &[Seen<'a>], by_class: bool) -> Self {
        let locks: BTreeMap<_, _> = snapshot.locks.iter().map(|lock| (lock.id, lock)).collect();
        let class = |id: &u32| locks.get(id).map(|lock| lock.class.as_str());
        let mut usage: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
        let mut objects: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for seen in seen {
            let held = seen.evidence.held.iter().map(|held| (held.lock, held.mode));
            for (lock, mode) in held.chain([(seen.dependency.to, seen.dependency.to_mode)]) {
                let Some(class) = class(&lock) else { continue };
                let taken = usage.entry(class).or_default();
                *taken = [taken[0] || mode == Mode::Exclusive, taken[1] || mode == Mode::Shared];
                objects.entry(class).or_default().insert(lock);
            }
        }
        let several = objects.iter().filter(|(_, objects)| objects.len() > 1 && !by_class);
        let several = several.map(|(&class, _)| class).collect();
        Self { locks, usage, several }
    }

    fn name(&self, lock: u32) -> String {
        let Some(lock) = self.locks.get(&lock) else {
            return "?".to_string();
        };
        let several = self.several.contains(lock.class.as_str());
        clean::text(if several { &lock.name } else { &lock.class }).into_owned()
    }

    fn entry(&self, lock: u32, mode: Mode, stack: &[Arc<str>]) -> Entry {
        let known = self.locks.get(&lock);
        let usage = known.and_then(|lock| self.usage.get(lock.class.as_str()));
        let raw = known.and_then(|lock| lock.address.as_deref()?.strip_prefix("0x"));
        Entry {
            name: self.name(lock),
            // get_usage_chars(): hard and soft interrupts, each exclusive and shared; a lock that sleeps is taken with both enabled.
            usage: match usage {
                Some([true, true]) => "++++",
                Some([false, true]) => ".+.+",
                _ => "+.+.",
            },
            // No address of the kernel: the number of the lock tells objects apart.
            address: raw.map_or_else(|| format!("{lock:016x}"), |raw| format!("{:0>16}", clean::text(raw))),
            mode,
            stack: frame::stack(stack, mode),
            place: frame::place(stack),
        }
    }

    /// The names of the circle's locks, by what they are called in the splat, where that is not the same.
    fn objects(&self, seen: &[Seen<'_>]) -> BTreeMap<String, BTreeSet<String>> {
        let mut objects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for lock in seen.iter().flat_map(|seen| seen.held).map(|held| held.lock) {
            let (name, called) = (self.locks.get(&lock), self.name(lock));
            if let Some(lock) = name.filter(|lock| lock.name != called) {
                objects.entry(called).or_default().insert(lock.name.clone());
            }
        }
        objects
    }
}
