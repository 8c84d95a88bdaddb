//! No input needs more memory than a bounded multiple of its size: what one event may add is capped, whatever the events before it were.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

use std::fmt::Write as _;
use std::process::Command;
use std::{env, fs, io};

use tracer::import;
use tracer::report::{json, text};

/// Names the input that this process measures.
const INPUT: &str = "TRACER_MEMORY_INPUT";

/// Events of each input.
const EVENTS: usize = 1500;

/// Bytes that each event may cost: 64 dependencies, and what the report says of each.
const PER_EVENT: u64 = 128 * 1024;

/// Bytes for what is capped as a whole: the findings, the cycles that they show, and what completions stand for.
const BASE: u64 = 256 << 20;

/// Highest resident memory since the last call, and now, in bytes.
fn peak() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let of = |field: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .expect("a field");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    };
    let memory = (of("VmHWM:"), of("VmRSS:"));
    fs::write("/proc/self/clear_refs", "5").expect("the peak is forgotten");
    memory
}

/// Never released: every request is made under as many locks as are kept.
fn nested() -> String {
    (0..EVENTS).fold(String::new(), |mut out, lock| {
        let _ = writeln!(out, "T|acq({lock})|{lock}");
        out
    })
}

/// Deep nesting by many tasks, each in another order.
fn rotating() -> String {
    let mut out = String::new();
    for task in 0..EVENTS / 80 {
        let locks: Vec<_> = (0..40).map(|depth| (task * 17 + depth) % 100).collect();
        for lock in &locks {
            let _ = writeln!(out, "T{task}|acq({lock})|{lock}");
        }
        for lock in locks.iter().rev() {
            let _ = writeln!(out, "T{task}|rel({lock})|0");
        }
    }
    out
}

/// Completions that very many requests stand before.
fn woken() -> String {
    let mut out = String::new();
    for lock in 0..EVENTS / 3 {
        let _ = writeln!(out, "T|acq({lock})|{lock}");
    }
    for completion in 0..2 * EVENTS / 3 {
        let _ = writeln!(out, "T|wake(c{completion})|0");
    }
    out
}

/// One long circle with two ways round at each of some stages.
fn ladder() -> String {
    let stages = EVENTS / 5;
    let mut out = String::new();
    let mut take = |task: &str, from: &str, to: &str| {
        for step in [
            format!("acq({from})"),
            format!("acq({to})"),
            format!("rel({to})"),
            format!("rel({from})"),
        ] {
            let _ = writeln!(out, "{task}|{step}|{from}");
        }
    };
    for stage in 0..stages {
        let (here, next) = (format!("l{stage}"), format!("l{}", (stage + 1) % stages));
        take(&format!("T{stage}"), &here, &next);
        if stage % (stages / 12) == 0 {
            let side = format!("s{stage}");
            take(&format!("A{stage}"), &here, &side);
            take(&format!("B{stage}"), &side, &next);
        }
    }
    out
}

/// The same by ever more tasks.
fn crowd() -> String {
    (0..EVENTS / 2).fold(String::new(), |mut out, task| {
        let (a, b) = if task % 2 == 0 { ("a", "b") } else { ("b", "a") };
        let _ = writeln!(out, "T{task}|acq({a})|{task}\nT{task}|acq({b})|{task}");
        out
    })
}

/// One input by itself: what an allocator keeps of the one before would hide the next one's peak.
fn measure(name: &str, input: &str) {
    let events = input.lines().count() as u64;
    let (_, before) = peak();
    let snapshot = import::read_from(name, input.as_bytes()).expect("a trace");
    let options = text::Options {
        notes: true,
        ..text::Options::default()
    };
    let text = text::render(&snapshot, options);
    json::write(&snapshot, io::sink()).expect("JSON");
    let (highest, _) = peak();
    let cost = highest.saturating_sub(before);
    println!(
        "{name}: {events} events, {} dependencies, {} findings, {} bytes of text: {} KB",
        snapshot.dependencies.len(),
        snapshot.findings.len(),
        text.len(),
        cost / 1024,
    );
    assert!(cost > 0, "{name}: nothing was measured");
    assert!(
        cost <= BASE + PER_EVENT * events,
        "{name}: {cost} bytes for {events} events"
    );
}

type Generator = fn() -> String;

#[test]
fn an_event_costs_a_bounded_amount() {
    let inputs: [(&str, Generator); 5] = [
        ("nested", nested),
        ("rotating", rotating),
        ("woken", woken),
        ("ladder", ladder),
        ("crowd", crowd),
    ];
    let chosen = env::var(INPUT).ok();
    for (name, input) in inputs {
        if chosen.as_deref() == Some(name) {
            measure(name, &input());
        } else if chosen.is_none() {
            let program = env::current_exe().expect("this program");
            let mut alone = Command::new(program);
            alone.args(["--exact", "an_event_costs_a_bounded_amount", "--nocapture"]);
            let output = alone.env(INPUT, name).output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stdout);
            println!("{}", said.lines().find(|line| line.contains("events")).unwrap_or(&said));
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
