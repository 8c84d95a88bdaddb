//! Findings in lockdep's layout: what it looks like, and that tracer itself and the kernel's scripts read it.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use proptest::prelude::*;
use support::{cases, fixture, read};
use tracer::analysis::snapshot::{Finding, Mode, Snapshot};
use tracer::report::splat;

fn splat(name: &str) -> String {
    splat::render(&read(&fixture(name)), false)
}

#[test]
fn the_founding_report() {
    insta::assert_snapshot!(splat("reports/founding-6.12.json"));
}

#[test]
fn an_inversion_of_a_text_trace() {
    insta::assert_snapshot!(splat("cases/c01.std"));
}

#[test]
fn what_lockdep_wrote_is_written_again() {
    insta::assert_snapshot!(splat("splats/founding-6.12.txt"));
}

#[test]
fn five_tasks() {
    let trace = support::trace("T1: A B / T2: B C / T3: C D / T4: D E / T5: E A", "M");
    insta::assert_snapshot!(splat::render(&read(&trace), false));
    let three = splat::render(&read(&support::trace("T1: A B / T2: B C / T3: C A", "M")), false);
    let column = "  lock(C);\n                               lock(A);\n                                                       lock(B);\n";
    assert!(
        three.contains("CPU0                    CPU1                    CPU2\n") && three.contains(column),
        "{three}"
    );
}

#[test]
fn nothing_found_reads_as_nothing() {
    let empty = splat("cases/c01-fixed.std");
    assert_eq!(empty, "# No findings.\n");
    assert!(read(&empty).findings.is_empty());
}

/// A lock of a circle: its name and its class, and how it is held.
type Taken = ([String; 2], Mode);

/// The circle of a finding: what each lock of it is called (by its own name and by its class), and how it is held.
fn circle(snapshot: &Snapshot, finding: &Finding) -> Vec<Taken> {
    let class = |name: &str| {
        let lock = snapshot.locks.iter().find(|lock| lock.name == name);
        lock.map_or(name, |lock| &lock.class).to_string()
    };
    let sides = finding.scenario.iter();
    let held = sides.flat_map(|side| side.steps.iter().filter(|step| step.state == "held"));
    let mut held: Vec<_> = held
        .map(|step| ([step.lock.clone(), class(&step.lock)], step.mode))
        .collect();
    if finding.scenario.len() == 1 {
        held.truncate(1);
    }
    held
}

/// Whether a task holds a lock of the circle on another side than its own. Of the tasks in a chain lockdep's layout tells no held locks, so
/// what is read back can be the shorter circle through that lock.
fn is_shortened(snapshot: &Snapshot, finding: &Finding) -> bool {
    let circle = circle(snapshot, finding);
    let twice = |lock: &[String; 2]| circle.iter().filter(|(other, _)| other == lock).count() > 1;
    let held_beside = finding.scenario.iter().any(|side| {
        let of = snapshot.dependencies.iter().find(|of| of.id == side.dependency);
        let held = of
            .and_then(|of| of.evidence.get(side.evidence as usize))
            .map(|evidence| &evidence.held);
        let names = held.into_iter().flatten().filter_map(|held| {
            let lock = snapshot.locks.iter().find(|lock| lock.id == held.lock);
            lock.map(|lock| &lock.name)
        });
        let own = |name: &String| side.steps.iter().any(|step| step.state == "held" && step.lock == *name);
        names
            .filter(|name| !own(name))
            .any(|name| circle.iter().any(|(lock, _)| lock[0] == *name))
    });
    held_beside || circle.iter().any(|(lock, _)| twice(lock))
}

/// Whether two circles are the same, wherever they begin; or `b` is a shorter one.
fn is_same(a: &[Taken], b: &[Taken], shortened: bool) -> bool {
    let same = |(a, b): (&Taken, &Taken)| a.1 == b.1 && a.0.contains(&b.0[1]);
    let rotated = |first: usize| a[first..].iter().chain(&a[..first]);
    if shortened {
        return b.iter().all(|b| a.iter().any(|a| same((a, b))));
    }
    a.len() == b.len() && (0..a.len()).any(|first| rotated(first).zip(b).all(same))
}

/// Every circle of a report is still there when its splat is read.
fn check_round_trip(name: &str, text: &str) {
    let snapshot = read(text);
    for finding in snapshot.findings.iter().filter(|finding| finding.verdict.is_some()) {
        let mut alone = snapshot.clone();
        alone.findings = vec![finding.clone()];
        let log = splat::render(&alone, true);
        let again = read(&log);
        let circles: Vec<_> = again.findings.iter().map(|finding| circle(&again, finding)).collect();
        let expected = circle(&snapshot, finding);
        let shortened = is_shortened(&snapshot, finding);
        let found = circles.iter().any(|circle| is_same(&expected, circle, shortened));
        assert!(found, "{name}: {expected:?} {circles:?}\n{text}\n{log}");
    }
}

#[test]
fn tracer_reads_it_back_to_the_same_circle() {
    for (name, text) in cases() {
        check_round_trip(&name, &text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_reads_any_circle_back(lines in prop::collection::vec(prop::collection::vec(("[ABCD]", any::<bool>()), 2..4), 2..5)) {
        let line = |(number, locks): (usize, &Vec<(String, bool)>)| {
            let taken = locks.iter().map(|(lock, shared)| format!("{}({lock})", if *shared { "R" } else { "W" }));
            format!("T{number}: {}", taken.collect::<Vec<_>>().join(" "))
        };
        let notation: Vec<_> = lines.iter().enumerate().map(line).collect();
        check_round_trip("random", &support::trace(&notation.join(" / "), "W"));
    }
}

/// Whether scripts/decode_stacktrace.sh finds the symbol of a line that it takes for one of a stack: `[^+\ ]+\+0x[0-9a-f]+/0x[0-9a-f]+` as
/// the last word, or before `[module]`.
fn decodes(line: &str) -> bool {
    let mut words: Vec<_> = line.split_whitespace().collect();
    if words
        .last()
        .is_some_and(|last| last.starts_with('[') && last.ends_with(']'))
    {
        words.pop();
    }
    let hex = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| b"0123456789abcdef".contains(&byte))
    };
    let symbol = words.last().and_then(|word| word.split_once('+'));
    symbol.is_some_and(|(name, place)| {
        !name.is_empty()
            && place
                .split_once('/')
                .is_some_and(|(offset, size)| hex(offset) && hex(size))
    })
}

#[test]
fn the_script_of_the_kernel_finds_every_symbol() {
    for (name, text) in cases() {
        let log = splat::render(&read(&text), true);
        let stacks = log
            .lines()
            .filter(|line| !line.starts_with('#') && line.contains("+0x"));
        let mut count = 0;
        for line in stacks {
            assert!(decodes(line), "{name}: {line}");
            count += 1;
        }
        let has_splat = log.contains("WARNING: possible");
        assert_eq!(has_splat, count > 0, "{name}");
    }
    assert!(!decodes("f+0x1/0x2 more") && !decodes("f+1/2") && !decodes("f"));
}

#[test]
fn names_do_not_steer_a_terminal() {
    let trace = "T\u{1b}[2J|acq(A\u{1b}[2J)|f\u{1b}[2J\nT\u{1b}[2J|acq(B)|g\nT\u{1b}[2J|rel(B)|\nT\u{1b}[2J|rel(A\u{1b}[2J)|\nU|acq(B)|h\nU|acq(A\u{1b}[2J)|i\n";
    let log = splat::render(&read(trace), true);
    assert!(log.contains("(A?[2J)") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn an_address_of_the_kernel_is_there_only_when_the_document_has_it() {
    let mut snapshot = read(&fixture("reports/founding-6.12.json"));
    assert!(!splat::render(&snapshot, true).contains("ffffffff8213"));
    for lock in &mut snapshot.locks {
        lock.address = Some("0xffffffff82135298".to_string());
    }
    assert!(splat::render(&snapshot, true).contains("ffffffff82135298 (pernet_ops_rwsem){++++}-{3:3}, at: "));
}
