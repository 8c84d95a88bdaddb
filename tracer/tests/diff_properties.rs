//! What must hold of a difference whatever the two files are.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::read;
use tracer::analysis::diff::diff;
use tracer::analysis::diff::document::{DependencyChange, Diff, FindingChange};
use tracer::analysis::snapshot::Snapshot;

const OPS: [&str; 4] = ["acq", "racq", "try", "rracq"];
const PLACES: [&str; 6] = [
    "f+0x1c",
    "g+0x2/0x80 [mod]",
    "h.isra.0+0x3",
    "mutex_lock+0x1",
    "120",
    "",
];
const CLASSES: usize = 3;
const INSTANCES: usize = 3;
const THREADS: usize = 4;

/// A lock taken: class, instance, operation, place.
type Taken = (usize, usize, usize, usize);

/// Per thread, blocks of locks that are taken in this order and released in reverse.
type Threads = Vec<Vec<Vec<Taken>>>;

fn threads() -> impl Strategy<Value = Threads> {
    let taken = (0..CLASSES, 0..INSTANCES, 0..OPS.len(), 0..PLACES.len());
    let block = prop::collection::vec(taken, 1..4);
    prop::collection::vec(prop::collection::vec(block, 1..4), 1..=THREADS)
}

/// Other names for tasks and instances, and another order of the threads.
#[derive(Clone, Debug)]
struct Names {
    tasks: Vec<usize>,
    instances: Vec<Vec<usize>>,
    order: Vec<usize>,
}

fn names() -> impl Strategy<Value = Names> {
    let shuffled = |count: usize| Just((0..count).collect::<Vec<_>>()).prop_shuffle();
    let instances = prop::collection::vec(shuffled(INSTANCES), CLASSES);
    (shuffled(THREADS), instances, shuffled(THREADS)).prop_map(|(tasks, instances, order)| Names {
        tasks,
        instances,
        order,
    })
}

impl Names {
    fn plain() -> Self {
        Self {
            tasks: (0..THREADS).collect(),
            instances: vec![(0..INSTANCES).collect(); CLASSES],
            order: (0..THREADS).collect(),
        }
    }

    fn trace(&self, threads: &Threads) -> String {
        let mut trace = "# trace\n".to_string();
        for &thread in &self.order {
            for block in threads.get(thread).into_iter().flatten() {
                self.block(&mut trace, thread, block);
            }
        }
        trace
    }

    fn block(&self, trace: &mut String, thread: usize, block: &[Taken]) {
        let task = self.tasks[thread];
        let lock = |class: usize, instance: usize| format!("L{class}#{}", self.instances[class][instance]);
        for &(class, instance, op, place) in block {
            let (op, place) = (OPS[op], PLACES[place]);
            *trace += &format!("T{task}|{op}({})|{place}\n", lock(class, instance));
        }
        for &(class, instance, op, _) in block.iter().rev() {
            let release = ["rel", "rrel", "rel", "rrrel"][op];
            *trace += &format!("T{task}|{release}({})|\n", lock(class, instance));
        }
    }

    fn read(&self, threads: &Threads) -> Snapshot {
        read(&self.trace(threads))
    }
}

fn mirrored_dependencies(changes: &[DependencyChange]) -> Vec<DependencyChange> {
    let mirrored = |change: &DependencyChange| DependencyChange {
        a: change.b,
        b: change.a,
        places_new: change.places_gone.clone(),
        places_gone: change.places_new.clone(),
        ..change.clone()
    };
    changes.iter().map(mirrored).collect()
}

fn mirrored_findings(changes: &[FindingChange]) -> Vec<FindingChange> {
    let mirrored = |change: &FindingChange| FindingChange {
        a: change.b.clone(),
        b: change.a.clone(),
        ..change.clone()
    };
    changes.iter().map(mirrored).collect()
}

/// What the difference must be with A and B swapped; only the words of the warnings are left out.
fn mirrored(diff: &Diff) -> Diff {
    let mut mirror = diff.clone();
    (mirror.a, mirror.b) = (diff.b.clone(), diff.a.clone());
    mirror.warnings.clear();
    mirror.dependencies.new = mirrored_dependencies(&diff.dependencies.gone);
    mirror.dependencies.gone = mirrored_dependencies(&diff.dependencies.new);
    mirror.dependencies.changed = mirrored_dependencies(&diff.dependencies.changed);
    mirror.findings.new = mirrored_findings(&diff.findings.gone);
    mirror.findings.gone = mirrored_findings(&diff.findings.new);
    mirror.findings.changed = mirrored_findings(&diff.findings.changed);
    mirror
}

/// Class and mode of both ends of every dependency.
fn pairs(snapshot: &Snapshot) -> BTreeSet<[String; 4]> {
    let class = |id: u32| {
        let lock = snapshot.locks.iter().find(|lock| lock.id == id);
        lock.expect("a lock").class.clone()
    };
    let dependencies = snapshot.dependencies.iter();
    dependencies
        .map(|of| {
            [
                class(of.from),
                of.from_mode.to_string(),
                class(of.to),
                of.to_mode.to_string(),
            ]
        })
        .collect()
}

fn keys(changes: &[DependencyChange]) -> BTreeSet<[String; 4]> {
    let key = |of: &DependencyChange| {
        [
            of.from.clone(),
            of.from_mode.to_string(),
            of.to.clone(),
            of.to_mode.to_string(),
        ]
    };
    changes.iter().map(key).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_against_itself_has_no_difference(threads in threads()) {
        let snapshot = Names::plain().read(&threads);
        let diff = diff(&snapshot, &snapshot);
        prop_assert!(diff.is_empty(), "{diff:?}");
        prop_assert_eq!(diff.dependencies.places_not_compared, 0);
    }

    #[test]
    fn swapped_files_give_the_mirror_image(a in threads(), b in threads()) {
        let (a, b) = (Names::plain().read(&a), Names::plain().read(&b));
        let mut back = diff(&b, &a);
        back.warnings.clear();
        prop_assert_eq!(mirrored(&diff(&a, &b)), back);
    }

    #[test]
    fn names_of_tasks_and_instances_and_the_order_of_threads_make_no_difference(
        threads in threads(),
        names in names(),
    ) {
        let (a, b) = (Names::plain(), names);
        let diff = diff(&a.read(&threads), &b.read(&threads));
        prop_assert!(diff.is_empty(), "{diff:#?}\n{}\n{}", a.trace(&threads), b.trace(&threads));
    }

    #[test]
    fn names_do_not_change_a_difference_either(a in threads(), b in threads(), names in names()) {
        let plain = diff(&Names::plain().read(&a), &Names::plain().read(&b));
        let renamed = diff(&Names::plain().read(&a), &names.read(&b));
        prop_assert_eq!(keys(&plain.dependencies.new), keys(&renamed.dependencies.new));
        prop_assert_eq!(keys(&plain.dependencies.gone), keys(&renamed.dependencies.gone));
        prop_assert_eq!(keys(&plain.dependencies.changed), keys(&renamed.dependencies.changed));
    }

    #[test]
    fn new_and_gone_are_what_one_file_has_and_the_other_has_not(a in threads(), b in threads()) {
        let (a, b) = (Names::plain().read(&a), Names::plain().read(&b));
        let diff = diff(&a, &b);
        let (of_a, of_b) = (pairs(&a), pairs(&b));
        prop_assert_eq!(keys(&diff.dependencies.new), of_b.difference(&of_a).cloned().collect());
        prop_assert_eq!(keys(&diff.dependencies.gone), of_a.difference(&of_b).cloned().collect());
        prop_assert!(keys(&diff.dependencies.changed).iter().all(|key| of_a.contains(key) && of_b.contains(key)));
    }

    #[test]
    fn findings_of_a_file_against_nothing_are_all_new(threads in threads()) {
        let snapshot = Names::plain().read(&threads);
        let diff = diff(&read("# nothing\n"), &snapshot);
        let fingerprints: BTreeSet<_> = snapshot.findings.iter().map(|finding| finding.fingerprint.clone()).collect();
        let new = diff.findings.new.iter().filter_map(|change| Some(change.b.as_ref()?.fingerprint.clone()));
        prop_assert_eq!(new.collect::<BTreeSet<_>>(), fingerprints);
        prop_assert!(diff.findings.gone.is_empty() && diff.findings.changed.is_empty());
    }
}
