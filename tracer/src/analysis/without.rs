//! What if: the graph judged as if a hold, a dependency or a lock were gone. This is how fixes are argued about.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::context::Context;
use super::graph::{Edge, Evidence, OrderGraph, Situation};
use super::held::Taken;
use super::lock::LockId;
use super::model::Model;
use super::view::View;

/// What to leave out. Locks go by name or class, functions are those that take the lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Without {
    /// `lock@function`, or `lock` wherever it is taken: no hold of it and no request for it.
    Hold(Place),
    /// `A->B`: no request for B while A is held.
    Dependency(Place, Place),
}

/// A lock, and the function that takes it where only that one is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name or class.
    pub lock: String,
    /// The innermost function that is no locking primitive.
    pub function: Option<String>,
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold(place) => place.fmt(f),
            Self::Dependency(from, to) => write!(f, "{from}->{to}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lock)?;
        self.function.iter().try_for_each(|function| write!(f, "@{function}"))
    }
}

/// Something to leave out that is not there.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("nothing here is `{text}`: it is LOCK, LOCK@FUNCTION or A->B, by the names and classes of the report{near}")]
pub struct Unknown {
    text: String,
    near: String,
}

impl Model {
    /// Understands `lock`, `lock@function` and `A->B`. Names of locks have arrows, too, so it takes those of the trace to read it.
    ///
    /// # Errors
    /// When no lock or no function of the trace is called so.
    pub fn without(&self, context: &Context, text: &str) -> Result<Without, Unknown> {
        let view = View::new(self, context);
        let taken = Names::of(&view);
        let place = |text: &str| taken.place(text.trim());
        if let Some(place) = place(text) {
            return Ok(Without::Hold(place));
        }
        let mut arrows = text.match_indices("->");
        let split = arrows.find_map(|(at, arrow)| {
            let (from, to) = (text.get(..at)?, text.get(at + arrow.len()..)?);
            Some(Without::Dependency(place(from)?, place(to)?))
        });
        split.ok_or_else(|| Unknown {
            text: text.to_string(),
            near: taken.near(text),
        })
    }
}

/// Which locks are taken by which functions.
struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    fn of(view: &View<'_>) -> Self {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for situation in view.graph().situations() {
            for taken in situation.held.iter().chain([&situation.request]) {
                let function = view.function(taken.stack);
                for name in [view.any_name(taken.lock), view.class(taken.lock)] {
                    let functions = names.entry(name.to_string()).or_default();
                    let is_new = |function: &&str| !functions.iter().any(|known| known == function);
                    functions.extend(function.filter(is_new).map(str::to_owned));
                }
            }
        }
        Self(names)
    }

    fn place(&self, text: &str) -> Option<Place> {
        if self.0.contains_key(text) {
            return Some(Place {
                lock: text.to_string(),
                function: None,
            });
        }
        let (lock, function) = text.rsplit_once('@')?;
        let known = self.0.get(lock)?.iter().any(|known| known == function);
        known.then(|| Place {
            lock: lock.to_string(),
            function: Some(function.to_string()),
        })
    }

    /// Where a lock is taken that the text begins with.
    fn near(&self, text: &str) -> String {
        let lock = text.split('@').next().unwrap_or_default();
        match self.0.get(lock).filter(|functions| !functions.is_empty()) {
            Some(functions) => format!("; {lock} is taken at {}", functions.join(", ")),
            None => String::new(),
        }
    }
}

/// The model as it is to be judged.
pub(crate) fn view<'a>(model: &'a Model, context: &'a Context) -> View<'a> {
    let whole = View::new(model, context);
    if context.without.is_empty() {
        return whole;
    }
    let graph = rest(&whole, &context.without, |_| true);
    whole.with(graph)
}

/// The graph without what is left out, and without the edges that do not count.
pub(crate) fn rest(view: &View<'_>, without: &[Without], counts: impl Fn(Edge) -> bool) -> OrderGraph {
    let graph = view.graph();
    let mut rest = OrderGraph::default();
    let mut known: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for dependency in graph.dependencies().iter().filter(|dependency| counts(dependency.edge)) {
        for evidence in dependency.all_evidence() {
            let Some((situation, from)) = graph
                .situation(evidence)
                .and_then(|situation| Some((situation, situation.held.get(usize::from(evidence.from))?)))
            else {
                continue;
            };
            if is_gone(view, without, from) || is_cut(view, without, from, &situation.request) {
                continue;
            }
            let kept = *known
                .entry(evidence.situation)
                .or_insert_with(|| Some(rest.add_situation(reduced(view, without, situation)?)));
            let Some(kept) = kept else {
                continue;
            };
            let before = situation.held.iter().take(usize::from(evidence.from));
            let from = before.filter(|taken| !is_gone(view, without, taken)).count();
            let evidence = Evidence {
                situation: kept,
                from: u16::try_from(from).unwrap_or(u16::MAX),
                ..*evidence
            };
            rest.add_one(evidence, dependency.direct);
        }
    }
    rest
}

fn reduced(view: &View<'_>, without: &[Without], situation: &Situation) -> Option<Situation> {
    let held = situation
        .held
        .iter()
        .filter(|taken| !is_gone(view, without, taken))
        .copied();
    (!is_gone(view, without, &situation.request)).then(|| Situation {
        origin: situation.origin.clone(),
        held: held.collect(),
        request: situation.request,
        window: situation.window,
    })
}

fn is_gone(view: &View<'_>, without: &[Without], taken: &Taken) -> bool {
    without.iter().any(|without| match without {
        Without::Hold(place) => is_at(view, taken, place),
        Without::Dependency(..) => false,
    })
}

fn is_cut(view: &View<'_>, without: &[Without], held: &Taken, request: &Taken) -> bool {
    without.iter().any(|without| match without {
        Without::Dependency(from, to) => is_at(view, held, from) && is_at(view, request, to),
        Without::Hold(_) => false,
    })
}

fn is_at(view: &View<'_>, taken: &Taken, place: &Place) -> bool {
    is_called(view, taken.lock, &place.lock)
        && (place.function.is_none() || view.function(taken.stack) == place.function.as_deref())
}

fn is_called(view: &View<'_>, lock: LockId, name: &str) -> bool {
    view.name(lock) == name || view.any_name(lock) == name || view.class(lock) == name
}
