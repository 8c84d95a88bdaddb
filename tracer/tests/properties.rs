//! What must hold whatever the events are.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::collections::BTreeSet;

use proptest::prelude::*;
use support::{lines, read};

const OPS: [&str; 16] = [
    "acq",
    "rel",
    "racq",
    "rrel",
    "rracq",
    "rrrel",
    "req",
    "rreq",
    "fail",
    "try",
    "rtry",
    "downgrade",
    "init",
    "free",
    "flush",
    "w",
];

/// Any operations in any order, most of them senseless.
fn senseless() -> impl Strategy<Value = String> {
    let line = (0..4usize, 0..OPS.len(), 0..6usize);
    prop::collection::vec(line, 0..120).prop_map(|lines| {
        let line = |(thread, op, lock): (usize, usize, usize)| format!("T{thread}|{}(L{lock})|{op}\n", OPS[op]);
        format!("# trace\n{}", lines.into_iter().map(line).collect::<String>())
    })
}

/// Threads that take locks in any order and modes, and release what they hold in reverse.
fn threads() -> impl Strategy<Value = Vec<Vec<String>>> {
    let mode = prop::sample::select(vec!["M", "R", "RR", "try"]);
    let block = prop::collection::btree_map(0..5usize, mode, 1..4).prop_map(|locks| {
        locks
            .into_iter()
            .map(|(lock, mode)| format!("{mode}(L{lock})"))
            .collect::<Vec<_>>()
    });
    let block = block.prop_shuffle().prop_map(|locks| locks.join(" "));
    prop::collection::vec(prop::collection::vec(block, 1..4), 1..5)
}

fn trace(threads: &[Vec<String>], order: &[usize]) -> String {
    let line = |&thread: &usize| threads[thread].iter().map(move |locks| format!("T{thread}: {locks}"));
    let notation: Vec<_> = order.iter().flat_map(line).collect();
    support::trace(&notation.join(" / "), "M")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_the_same_events_give_the_same_bytes(text in senseless()) {
        let render = || tracer::report::json::render(&read(&text)).expect("JSON");
        let first = render();
        prop_assert_eq!(&first, &render());
        let back = tracer::import::read_from("report", first.as_bytes()).expect("own JSON is read");
        prop_assert_eq!(first, tracer::report::json::render(&back).expect("JSON"));
    }

    #[test]
    fn references_in_a_document_lead_somewhere(text in senseless()) {
        let snapshot = read(&text);
        let locks: BTreeSet<_> = snapshot.locks.iter().map(|lock| lock.id).collect();
        for dependency in &snapshot.dependencies {
            prop_assert!(locks.contains(&dependency.from) && locks.contains(&dependency.to));
            prop_assert!(!dependency.evidence.is_empty());
            for evidence in &dependency.evidence {
                prop_assert!(evidence.held.iter().any(|held| held.lock == dependency.from));
            }
        }
        for finding in &snapshot.findings {
            for side in &finding.scenario {
                let dependency = snapshot.dependencies.iter().find(|dependency| dependency.id == side.dependency);
                prop_assert!(dependency.is_some_and(|dependency| dependency.evidence.len() > side.evidence as usize));
            }
            prop_assert_eq!(finding.locks.iter().min(), finding.locks.first());
        }
    }

    #[test]
    fn the_order_of_threads_that_do_not_touch_each_other_in_time_changes_nothing(
        (threads, order) in threads().prop_flat_map(|threads| {
            let order: Vec<_> = (0..threads.len()).collect();
            (Just(threads), Just(order).prop_shuffle())
        })
    ) {
        let straight: Vec<_> = (0..threads.len()).collect();
        let a = read(&trace(&threads, &straight));
        let b = read(&trace(&threads, &order));
        prop_assert_eq!(lines(&a), lines(&b));
        let rest = |snapshot: &tracer::analysis::snapshot::Snapshot| -> Vec<_> {
            let findings = snapshot.findings.iter();
            findings.map(|finding| (finding.fingerprint.clone(), finding.title.clone(), finding.reason.clone())).collect()
        };
        prop_assert_eq!(rest(&a), rest(&b));
    }

    #[test]
    fn a_released_lock_is_never_a_source(before in 0..5usize, after in 0..5usize, shared in any::<bool>()) {
        let (take, give) = if shared { ("racq", "rrel") } else { ("acq", "rel") };
        let text = format!("T1|{take}(L{before})|\nT1|{give}(L{before})|\nT1|acq(K{after})|\nT1|rel(K{after})|\n");
        prop_assert!(read(&text).dependencies.is_empty());
        let held = format!("T1|{take}(L{before})|\nT1|acq(K{after})|\nT1|rel(K{after})|\nT1|{give}(L{before})|\n");
        prop_assert_eq!(read(&held).dependencies.len(), 1);
    }

    #[test]
    fn one_order_for_all_has_no_cycle(threads in threads()) {
        // Sorted, every thread takes the locks in the same order.
        let sorted: Vec<Vec<String>> = threads.iter().map(|blocks| blocks.iter().map(|block| {
            let mut locks: Vec<_> = block.split(' ').collect();
            locks.sort_by_key(|lock| lock.split_once('(').map(|(_, name)| name.to_string()));
            locks.join(" ")
        }).collect()).collect();
        let order: Vec<_> = (0..sorted.len()).collect();
        prop_assert_eq!(lines(&read(&trace(&sorted, &order))), Vec::<String>::new());
    }
}
