//! What can be taken out of a graph, by number: searches compare and copy it all the time.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::analysis::graph::{Evidence, Situation};
use crate::analysis::held::Taken;
use crate::analysis::view::View;
use crate::analysis::without::{Place, Without};

/// Something to take out; in the order of [`Without`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Way(pub(super) u32);

/// What takes out one piece of evidence, in order.
pub(super) type Alternatives = SmallVec<[Way; 2]>;

/// Whether a piece of evidence is gone with what is chosen.
pub(super) fn is_gone(evidence: &Alternatives, chosen: &BTreeSet<Way>) -> bool {
    evidence.iter().any(|way| chosen.contains(way))
}

/// An acquisition by class and function, because a fix is in code, which knows no objects; or a dependency by its classes, where no function is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Meaning<'a> {
    Hold { class: &'a str, function: &'a str },
    Dependency { from: &'a str, to: &'a str },
}

impl<'a> Meaning<'a> {
    fn hold(view: &View<'a>, taken: &Taken) -> Option<Self> {
        Some(Self::Hold {
            class: view.class(taken.lock),
            function: view.function(taken.stack)?,
        })
    }

    fn dependency(view: &View<'a>, held: &Taken, request: &Taken) -> Self {
        Self::Dependency {
            from: view.class(held.lock),
            to: view.class(request.lock),
        }
    }

    fn without(self) -> Without {
        let place = |lock: &str, function: Option<&str>| Place {
            lock: lock.to_owned(),
            function: function.map(str::to_owned),
        };
        match self {
            Self::Hold { class, function } => Without::Hold(place(class, Some(function))),
            Self::Dependency { from, to } => Without::Dependency(place(from, None), place(to, None)),
        }
    }
}

/// All that can be taken out of a graph.
pub(super) struct Ways<'a> {
    view: &'a View<'a>,
    meanings: Vec<Meaning<'a>>,
    numbers: FxHashMap<Meaning<'a>, Way>,
    /// Each hold of each situation, then its request; none where no function is known.
    acquisitions: Vec<Option<Way>>,
    /// Where those of each situation begin.
    starts: Vec<usize>,
}

impl<'a> Ways<'a> {
    pub(super) fn of(view: &'a View<'a>) -> Self {
        let mut holds: FxHashMap<_, Option<Meaning<'a>>> = FxHashMap::default();
        let mut meanings = BTreeSet::new();
        for situation in view.graph().situations() {
            let mut hold = |taken: &Taken| {
                let known = holds.entry((taken.lock, taken.stack));
                *known.or_insert_with(|| Meaning::hold(view, taken))
            };
            let request = hold(&situation.request);
            meanings.extend(request);
            for held in &situation.held {
                match hold(held).or(request) {
                    Some(hold) => meanings.insert(hold),
                    None => meanings.insert(Meaning::dependency(view, held, &situation.request)),
                };
            }
        }
        let meanings: Vec<_> = meanings.into_iter().collect();
        let numbers: FxHashMap<_, _> = meanings.iter().copied().zip((0..).map(Way)).collect();
        let number = |meaning: Option<_>| numbers.get(&meaning?).copied();
        let holds: FxHashMap<_, _> = holds.into_iter().map(|(at, meaning)| (at, number(meaning))).collect();
        let hold = |taken: &Taken| holds.get(&(taken.lock, taken.stack)).copied().flatten();
        let mut acquisitions = Vec::new();
        let starts = view.graph().situations().iter().map(|situation| {
            let start = acquisitions.len();
            acquisitions.extend(situation.held.iter().chain([&situation.request]).map(hold));
            start
        });
        Self {
            view,
            starts: starts.collect(),
            meanings,
            numbers,
            acquisitions,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.meanings.len()
    }

    /// The way that an acquisition is, the request behind the holds.
    pub(super) fn acquisition(&self, situation: u32, position: usize) -> Option<Way> {
        let start = *self.starts.get(situation as usize)?;
        self.acquisitions.get(start + position).copied().flatten()
    }

    /// What takes out one piece of evidence: either acquisition by its function, the dependency where no function is known.
    pub(super) fn alternatives(&self, evidence: &Evidence, situation: &Situation) -> Alternatives {
        let way = |position: usize| self.acquisition(evidence.situation, position);
        match (way(evidence.from.into()), way(situation.held.len())) {
            (Some(a), Some(b)) if a != b => Alternatives::from_buf([a.min(b), a.max(b)]),
            (Some(way), _) | (None, Some(way)) => Alternatives::from_iter([way]),
            (None, None) => {
                let held = situation.held.get(usize::from(evidence.from));
                let dependency = held.map(|held| Meaning::dependency(self.view, held, &situation.request));
                let way = dependency.and_then(|dependency| self.numbers.get(&dependency));
                way.into_iter().copied().collect()
            }
        }
    }

    /// As `--without` understands them.
    pub(super) fn without(&self, ways: &BTreeSet<Way>) -> Vec<Without> {
        let meanings = ways.iter().filter_map(|way| self.meanings.get(way.0 as usize));
        meanings.map(|meaning| meaning.without()).collect()
    }
}
