//! Chains that were not told because one with other objects stands for them, and what that means for a report.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tracer::analysis::context::{Addresses, Context};
use tracer::analysis::event::{
    Chain, ChainKey, Event, Hold, Known, LockKey, LockKind, LockName, Mode, NamedBy, Others, TaskKey,
};
use tracer::analysis::model::Model;
use tracer::analysis::snapshot::{Capture, Snapshot};

/// A lock by its name: `a1` and `a2` are two objects of class `a`, and `?a1` is called after who takes it.
fn lock(name: &str) -> (LockKey, Event) {
    let key = LockKey(name.bytes().fold(0, |key, byte| key << 8 | u64::from(byte)));
    let is_vague = name.starts_with('?');
    let told = LockName {
        class: class(name).to_owned(),
        name: name.to_owned(),
        label: None,
        named_by: Some(if is_vague { NamedBy::Taker } else { NamedBy::Init }),
    };
    (key, Event::Lock(key, LockKind::Mutex, told))
}

fn class(name: &str) -> &str {
    name.trim_end_matches(|letter: char| letter.is_ascii_digit())
}

/// A chain: what is held, and on top of it what is requested; a trylock where it ends with `?`.
fn chain(key: u64, locks: &str) -> Vec<Event> {
    let named = locks.trim_end_matches('?').split(' ').map(lock);
    let (keys, mut events): (Vec<_>, Vec<_>) = named.unzip();
    let mut held: Vec<_> = keys.into_iter().map(|lock| hold(lock, false)).collect();
    let mut request = held.pop().unwrap_or_else(|| hold(LockKey(0), false));
    request.trylock = locks.ends_with('?');
    events.push(Event::Chain(Box::new(Chain {
        key: ChainKey(key),
        task: TaskKey(1),
        held,
        request,
        time_ns: key,
        window: None,
        origin: None,
    })));
    events
}

fn hold(lock: LockKey, trylock: bool) -> Hold {
    Hold {
        lock,
        mode: Mode::Exclusive,
        trylock,
        stack: [].into(),
    }
}

/// The report of some chains, each with how many it stands for.
fn report(chains: &[(&str, u64)]) -> Snapshot {
    let known: Vec<_> = chains
        .iter()
        .map(|&(locks, count)| (locks, count, Known::ByClass))
        .collect();
    report_known(&known)
}

fn report_known(chains: &[(&str, u64, Known)]) -> Snapshot {
    let mut model = Model::new();
    for (key, &(locks, count, known)) in (1u64..).zip(chains) {
        chain(key, locks).into_iter().for_each(|event| model.apply(event));
        if count > 0 {
            let chain = ChainKey(key);
            model.apply(Event::Others(Others { chain, count, known }));
        }
    }
    model.snapshot(&context())
}

fn context() -> Context {
    Context {
        capture: Capture {
            complete: true,
            ..Capture::default()
        },
        addresses: Addresses::Pseudonym,
        ..Context::default()
    }
}

/// What is lost, and what is only not told.
fn counted(snapshot: &Snapshot) -> (u64, u64) {
    let capture = &snapshot.capture;
    let count = |counters: &BTreeMap<String, u64>, name: &str| counters.get(name).copied().unwrap_or(0);
    let lost = count(&capture.lost, "objects_by_class");
    assert_eq!(capture.complete, lost == 0);
    (lost, count(&capture.counters, "objects_not_told"))
}

#[test]
fn what_goes_between_classes_on_no_cycle_is_no_loss() {
    assert_eq!(counted(&report(&[("a1 b1", 7), ("b1 c1", 0), ("a1 c1", 0)])), (0, 7));
    assert_eq!(counted(&report(&[("a1 b1", 0)])), (0, 0));
}

#[test]
fn what_goes_between_classes_on_a_cycle_is_a_loss() {
    let snapshot = report(&[("a1 b1", 7), ("b2 c1", 0), ("c2 a2", 0)]);
    assert!(
        snapshot.findings.iter().all(|finding| finding.level == "class"),
        "these locks are on no cycle"
    );
    assert_eq!(counted(&snapshot), (7, 0));
    // Two of one class.
    assert_eq!(counted(&report(&[("a1 a2", 7)])), (7, 0));
}

#[test]
fn each_chain_is_judged_by_its_own_dependencies() {
    let cycle = ("b1 a1", 0);
    assert_eq!(counted(&report(&[("a1 b1", 7), ("a1 c1", 3), cycle])), (7, 3));
    assert_eq!(
        counted(&report(&[("a1 c1 b1", 7), cycle])),
        (7, 0),
        "a -> b is one of them"
    );
    assert_eq!(counted(&report(&[("c1 b1 d1", 7), cycle])), (0, 7));
}

#[test]
fn classes_that_lockdep_does_not_validate_count() {
    assert_eq!(
        counted(&report(&[("&dev->mutex1 a1", 7), ("a2 &dev->mutex2", 0)])),
        (7, 0)
    );
    assert_eq!(counted(&report(&[("&dev->mutex1 a1", 7)])), (0, 7));
}

#[test]
fn a_class_that_depends_on_who_takes_a_lock_first_tells_nothing_of_others() {
    assert_eq!(counted(&report(&[("a1 ?b1", 7)])), (7, 0));
    assert_eq!(counted(&report(&[("?a1 b1", 7)])), (7, 0));
}

#[test]
fn a_request_that_waits_for_nobody_hides_nothing() {
    assert_eq!(counted(&report(&[("a1 b1?", 7), ("a1 b1", 0), ("b1 a1", 0)])), (0, 7));
}

#[test]
fn what_is_not_known_of_them_decides() {
    let counted = |known| counted(&report_known(&[("a1 b1", 7, known)]));
    assert_eq!(counted(Known::ByClass), (0, 7));
    assert_eq!(counted(Known::Nothing), (7, 0));
    let mut model = Model::new();
    let others = |known| {
        Event::Others(Others {
            chain: ChainKey(9),
            count: 4,
            known,
        })
    };
    model.apply(others(Known::ByClass));
    assert_eq!(
        self::counted(&model.snapshot(&context())),
        (4, 0),
        "of a chain that never came"
    );
    model.apply(others(Known::LeftOut));
    assert_eq!(self::counted(&model.snapshot(&context())), (0, 4));
}

#[test]
fn the_last_count_of_a_chain_is_the_one_that_counts() {
    let mut model = Model::new();
    chain(1, "a1 b1").into_iter().for_each(|event| model.apply(event));
    for count in [3, 5] {
        let (chain, known) = (ChainKey(1), Known::ByClass);
        model.apply(Event::Others(Others { chain, count, known }));
    }
    assert_eq!(counted(&model.snapshot(&context())), (0, 5));
    assert_eq!(model.stood_for(), 5);
}

#[test]
fn what_is_left_out_of_the_graph_hides_nothing() {
    let mut model = Model::new();
    let chains = [(1, "a1 b1"), (2, "b2 a2")];
    let events = chains.iter().flat_map(|(key, locks)| chain(*key, locks));
    events.for_each(|event| model.apply(event));
    let (chain, known) = (ChainKey(1), Known::ByClass);
    model.apply(Event::Others(Others { chain, count: 7, known }));
    let mut context = context();
    assert_eq!(counted(&model.snapshot(&context)), (7, 0));
    let without = model.without(&context, "b->a");
    context.without.extend(without);
    assert_eq!(counted(&model.snapshot(&context)), (0, 7));
}

/// The locks of the cycles that go through the same locks all around.
fn cycles(snapshot: &Snapshot) -> BTreeSet<Vec<String>> {
    let found = snapshot.findings.iter().filter(|finding| finding.level == "instance");
    found.map(|finding| finding.locks.clone()).collect()
}

fn chains() -> impl Strategy<Value = Vec<String>> {
    let lock = (prop::sample::select(vec!["a", "b", "c", "d"]), 1..4u8);
    let locks = prop::collection::vec(lock.prop_map(|(class, object)| format!("{class}{object}")), 2..4);
    prop::collection::vec(locks.prop_map(|locks| locks.join(" ")), 1..10)
}

proptest! {
    /// What this is all about: where nothing is lost, no cycle is hidden.
    #[test]
    fn where_nothing_is_lost_all_cycles_are_found(all in chains()) {
        let mut told: Vec<(&str, u64)> = Vec::new();
        for chain in &all {
            let path = |chain: &str| chain.split(' ').map(class).map(str::to_owned).collect::<Vec<_>>();
            match told.iter_mut().find(|(first, _)| path(first) == path(chain)) {
                Some((_, others)) => *others += 1,
                None => told.push((chain, 0)),
            }
        }
        let told = report(&told);
        let whole: Vec<_> = all.iter().map(|chain| (chain.as_str(), 0)).collect();
        if told.capture.complete {
            prop_assert_eq!(cycles(&told), cycles(&report(&whole)));
        }
    }
}
