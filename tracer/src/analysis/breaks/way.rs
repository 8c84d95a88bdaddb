//! What can be taken out of a graph, by number: searches compare and copy it all the time.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::analysis::held::Taken;
use crate::analysis::lock::LockId;
use crate::analysis::stack::StackId;
use crate::analysis::view::View;
use crate::analysis::without::{Place, Without};

/// Something to take out; in the order of [`Without`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Way(pub(super) u32);

/// What takes out one piece of evidence, in order.
pub(super) type Alternatives = SmallVec<[Way; 2]>;

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
    /// Acquisitions whose function is known.
    holds: FxHashMap<(LockId, StackId), Way>,
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
        let number = |(at, meaning): (_, Option<_>)| Some((at, *numbers.get(&meaning?)?));
        let holds = holds.into_iter().filter_map(number).collect();
        Self {
            view,
            meanings,
            numbers,
            holds,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.meanings.len()
    }

    /// The way that an acquisition is.
    pub(super) fn hold(&self, taken: &Taken) -> Option<Way> {
        self.holds.get(&(taken.lock, taken.stack)).copied()
    }

    /// What takes out one piece of evidence: either acquisition by its function, the dependency where no function is known.
    pub(super) fn between(&self, held: &Taken, request: &Taken) -> Alternatives {
        let mut ways: Alternatives = [held, request]
            .into_iter()
            .filter_map(|taken| self.hold(taken))
            .collect();
        if ways.is_empty() {
            let dependency = Meaning::dependency(self.view, held, request);
            ways.extend(self.numbers.get(&dependency).copied());
        }
        ways.sort_unstable();
        ways.dedup();
        ways
    }

    /// As `--without` understands them.
    pub(super) fn without(&self, ways: &BTreeSet<Way>) -> Vec<Without> {
        let meanings = ways.iter().filter_map(|way| self.meanings.get(way.0 as usize));
        meanings.map(|meaning| meaning.without()).collect()
    }
}
