//! What the TUI needs for a graph that is far larger than any kernel's: to make it ready, to answer a key, and of memory. One line a key: the slowest answer counts,
//! so criterion has no part in it.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use support::Shape;
use tracer::analysis::context::Context;
use tracer::tui::keys::{self, Press};
use tracer::tui::model::Model;
use tracer::tui::scene::Scene;
use tracer::tui::theme::Theme;
use tracer::tui::update::{refreshed, update};
use tracer::tui::view;

/// Columns and rows of a large terminal.
const SIZE: (u16, u16) = (200, 60);
const LOCKS: u32 = 100_000;

/// What is pressed, and what it is called.
const KEYS: [(&str, &str); 20] = [
    ("3", "the list of locks"),
    ("jjjjj", "one row down"),
    ("G", "to the last row"),
    ("g", "to the first row"),
    ("ssssssssss", "sort by the next column"),
    ("r", "sort the other way round"),
    ("/lock 4242", "type a filter, and a character of it"),
    ("\n", "keep it"),
    ("\n", "details of a lock"),
    ("d", "draw it"),
    ("zz", "reach further"),
    ("f", "fold it"),
    ("llljk", "select another lock"),
    ("LJ", "move the graph"),
    ("1", "the list of findings"),
    ("\n", "details of a finding"),
    ("4", "the list of tasks"),
    ("\n", "details of a task"),
    ("[[[[[", "one dependency back"),
    ("3", "the list of locks, at that moment"),
];

fn press(key: char) -> Press {
    use crossterm::event::{KeyCode, KeyModifiers};
    let code = if key == '\n' {
        KeyCode::Enter
    } else {
        KeyCode::Char(key)
    };
    Press(code, KeyModifiers::NONE)
}

fn main() {
    let mut edges = support::acyclic(Shape::Layered, LOCKS);
    edges.extend(support::cycles(LOCKS, 100));
    let locks = edges.iter().map(|&(from, to)| from.max(to)).max().unwrap_or(0) + 1;
    // Kept, so that what it has is not used again for what is measured.
    let model = support::model(LOCKS, locks, &edges);
    let snapshot = Arc::new(model.snapshot(&Context::default()));
    println!(
        "{} locks, {} dependencies, {} findings",
        snapshot.locks.len(),
        snapshot.dependencies.len(),
        snapshot.findings.len()
    );
    support::forget_peak();
    let (before, _) = support::memory();
    let begin = Instant::now();
    let scene = Scene::new(Arc::clone(&snapshot), &[]);
    let took = begin.elapsed();
    let (after, peak) = support::memory();
    drop(model);
    let of = |bytes: u64| bytes.saturating_sub(before) / 1_000_000;
    println!(
        "made ready in {took:.2?}, beside the screen; {} MB, at most {} MB",
        of(after),
        of(peak)
    );

    let mut model = Model::new(SIZE, false, Vec::new(), Theme::default());
    refreshed(&mut model, &scene);
    println!("\nkey | slowest answer");
    let mut slowest = Duration::ZERO;
    for (pressed, what) in KEYS {
        let answers = pressed.chars().map(|key| answer(&mut model, &scene, key));
        let longest = answers.max().unwrap_or_default();
        println!("{what} | {:.1} ms", longest.as_secs_f64() * 1000.0);
        slowest = slowest.max(longest);
    }
    println!("\nslowest of all: {:.1} ms", slowest.as_secs_f64() * 1000.0);
}

/// Takes in a key and draws what is then seen.
fn answer(model: &mut Model, scene: &Scene, key: char) -> Duration {
    let begin = Instant::now();
    let message =
        keys::message(model, press(key)).unwrap_or_else(|| panic!("{key:?} means nothing on {:?}", model.screen()));
    update(model, scene, message);
    let mut buffer = Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1));
    view::render(model, scene, &mut buffer);
    begin.elapsed()
}
