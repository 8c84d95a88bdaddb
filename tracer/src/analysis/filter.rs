//! Which locks are traced: between a source and the model, so that what is left out is in no report.
//!
//! A lock is judged by its name, which is told before the first chain that has it. A source that can save work leaves out from then on what
//! [`Filter::changes`] says.

use rustc_hash::{FxHashMap, FxHashSet};

use super::event::{ChainKey, Event, Hold, Known, LockKey, LockName, Others};
use super::rules::pattern::Pattern;

/// A lock that a source need not tell any longer, or has to tell again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Leave it out.
    Out(LockKey),
    /// Its memory is, or may be, another lock.
    In(LockKey),
}

/// Names that are wanted and names that are not.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    only: Vec<Pattern>,
    exclude: Vec<Pattern>,
    /// Locks left out, and whether by their class, so that all others of it are, too.
    out: FxHashMap<LockKey, bool>,
    /// Chains whose request is left out.
    dropped: FxHashSet<ChainKey>,
    /// Chains of which a lock is left out by a name of its own.
    one_of_many: FxHashSet<ChainKey>,
    changes: Vec<Change>,
}

impl Filter {
    /// Traces locks of which class or name matches one of `only` (all, when there is none) and none of `exclude`. A `*` at the beginning or end of
    /// a pattern stands for anything.
    ///
    /// # Errors
    /// What is wrong with a pattern.
    pub fn new(only: &[String], exclude: &[String]) -> Result<Self, String> {
        let parse = |patterns: &[String]| {
            patterns
                .iter()
                .map(|text| Pattern::parse(text))
                .collect::<Result<_, _>>()
        };
        Ok(Self {
            only: parse(only)?,
            exclude: parse(exclude)?,
            ..Self::default()
        })
    }

    /// Whether every lock passes.
    pub fn is_open(&self) -> bool {
        self.only.is_empty() && self.exclude.is_empty()
    }

    /// What is left of an event; nothing when it was about a lock that is left out.
    pub fn pass(&mut self, event: Event) -> Option<Event> {
        if self.is_open() {
            return Some(event);
        }
        match event {
            Event::Lock(lock, kind, name) => {
                if self.wants(&name) {
                    self.forget(lock);
                    return Some(Event::Lock(lock, kind, name));
                }
                if self.out.insert(lock, self.is_out_by_class(&name)).is_none() {
                    self.changes.push(Change::Out(lock));
                }
                None
            }
            Event::Init(lock) | Event::Free(lock) => {
                self.forget(lock);
                Some(event)
            }
            Event::Chain(mut chain) => {
                let locks = chain.held.iter().chain([&chain.request]).map(|hold| hold.lock);
                if locks.into_iter().any(|lock| self.out.get(&lock) == Some(&false)) {
                    self.one_of_many.insert(chain.key);
                }
                self.drop_holds(&mut chain.held);
                if self.out.contains_key(&chain.request.lock) {
                    self.dropped.insert(chain.key);
                    return None;
                }
                Some(Event::Chain(chain))
            }
            Event::Again(chain, _) | Event::Count(chain, _) if self.dropped.contains(&chain) => None,
            Event::Others(others) => Some(Event::Others(Others {
                known: self.known(&others),
                ..others
            })),
            Event::Notifier(mut change) => {
                self.drop_holds(&mut change.held);
                Some(Event::Notifier(change))
            }
            Event::Stalled(mut stalled) => {
                self.drop_holds(&mut stalled.held);
                stalled.waits.take_if(|waits| self.out.contains_key(&waits.lock));
                Some(Event::Stalled(stalled))
            }
            Event::Contended(_, hold) if self.out.contains_key(&hold.lock) => None,
            Event::HeldFor(lock, _) | Event::HeldUntil(lock, _) if self.out.contains_key(&lock) => None,
            other => Some(other),
        }
    }

    /// What a source can leave out or has to tell again since this was last asked.
    pub fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether all locks of a class are left out, whatever else they are called.
    pub fn excludes(&self, class: &str) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches(class))
    }

    fn wants(&self, name: &LockName) -> bool {
        let matches = |pattern: &Pattern| pattern.matches(&name.class) || pattern.matches(&name.name);
        (self.only.is_empty() || self.only.iter().any(matches)) && !self.exclude.iter().any(matches)
    }

    fn is_out_by_class(&self, name: &LockName) -> bool {
        self.excludes(&name.class) || name.class == name.name
    }

    /// What a chain tells of those that it stands for: others of its locks may be wanted.
    fn known(&self, others: &Others) -> Known {
        if self.one_of_many.contains(&others.chain) {
            Known::Nothing
        } else if self.dropped.contains(&others.chain) {
            Known::LeftOut
        } else {
            others.known
        }
    }

    fn forget(&mut self, lock: LockKey) {
        if self.out.remove(&lock).is_some() {
            self.changes.push(Change::In(lock));
        }
    }

    fn drop_holds(&self, held: &mut Vec<Hold>) {
        held.retain(|hold| !self.out.contains_key(&hold.lock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_excluded_by_its_own_name_only() {
        let filter = Filter::new(&["rtnl_mutex".to_owned()], &["&vma->*".to_owned()]).unwrap();
        assert!(filter.excludes("&vma->vm_lock->lock"));
        assert!(
            !filter.excludes("&devlink->lock"),
            "one of them may be called rtnl_mutex"
        );
    }
    use crate::analysis::event::{Chain, LockKind, Mode, TaskKey};

    fn named(lock: u64, name: &str) -> Event {
        let name = LockName {
            class: name.to_owned(),
            name: name.to_owned(),
            label: None,
            named_by: None,
        };
        Event::Lock(LockKey(lock), LockKind::Mutex, name)
    }

    fn chain(held: &[u64], request: u64) -> Event {
        let hold = |lock: u64| Hold {
            lock: LockKey(lock),
            mode: Mode::Exclusive,
            trylock: false,
            stack: Default::default(),
        };
        Event::Chain(Box::new(Chain {
            key: ChainKey(1),
            task: TaskKey(1),
            held: held.iter().copied().map(hold).collect(),
            request: hold(request),
            time_ns: 0,
            window: None,
            origin: None,
        }))
    }

    fn filter(only: &[&str], exclude: &[&str]) -> Filter {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        Filter::new(&own(only), &own(exclude)).unwrap()
    }

    #[test]
    fn what_is_excluded_is_neither_held_nor_requested() {
        let mut filter = filter(&[], &["&mm->*"]);
        assert_eq!(filter.pass(named(1, "&mm->mmap_lock")), None);
        assert!(filter.pass(named(2, "rtnl_mutex")).is_some());
        assert_eq!(filter.pass(chain(&[2], 1)), None);
        assert_eq!(filter.pass(chain(&[1, 2], 3)), Some(chain(&[2], 3)));
        assert_eq!(filter.changes(), [Change::Out(LockKey(1))]);
        assert_eq!(filter.changes(), []);
    }

    #[test]
    fn of_what_is_wanted_only_the_rest_is_left_out() {
        let mut filter = filter(&["rtnl_mutex"], &[]);
        assert!(filter.pass(named(1, "rtnl_mutex")).is_some());
        assert_eq!(filter.pass(named(2, "net_rwsem")), None);
        assert_eq!(filter.pass(chain(&[2], 1)), Some(chain(&[], 1)));
    }

    #[test]
    fn memory_that_becomes_another_lock_is_judged_anew() {
        let mut filter = filter(&[], &["noise"]);
        filter.pass(named(1, "noise"));
        filter.pass(Event::Init(LockKey(1)));
        assert_eq!(filter.changes(), [Change::Out(LockKey(1)), Change::In(LockKey(1))]);
        assert!(filter.pass(chain(&[], 1)).is_some());
    }

    #[test]
    fn without_patterns_everything_passes() {
        let mut filter = filter(&[], &[]);
        assert!(filter.is_open());
        assert_eq!(filter.pass(chain(&[2], 1)), Some(chain(&[2], 1)));
        assert!(Filter::new(&["*".to_owned()], &[]).is_err());
    }

    /// What is known of the chains that the one told before stands for.
    fn others(filter: &mut Filter) -> Known {
        let others = Others {
            chain: ChainKey(1),
            count: 7,
            known: Known::ByClass,
        };
        match filter.pass(Event::Others(others)) {
            Some(Event::Others(others)) => others.known,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn what_a_chain_stands_for_is_left_out_with_it_when_its_class_is() {
        let mut filter = filter(&[], &["&mm->*"]);
        filter.pass(named(1, "&mm->mmap_lock"));
        filter.pass(chain(&[2], 1));
        assert_eq!(others(&mut filter), Known::LeftOut);
    }

    #[test]
    fn a_chain_tells_nothing_of_others_when_one_of_its_locks_is_left_out_by_its_own_name() {
        for (held, request) in [(3, 2), (2, 3)] {
            let mut filter = filter(&[], &["devlink pci/1"]);
            filter.pass(named(2, "rtnl_mutex"));
            filter.pass(chain(&[2], 4));
            assert_eq!(others(&mut filter), Known::ByClass);
            let Event::Lock(lock, kind, name) = named(3, "&devlink->lock") else {
                unreachable!()
            };
            let name = LockName {
                name: "devlink pci/1".to_owned(),
                ..name
            };
            assert_eq!(filter.pass(Event::Lock(lock, kind, name)), None);
            filter.pass(chain(&[held], request));
            assert_eq!(others(&mut filter), Known::Nothing);
        }
    }
}
