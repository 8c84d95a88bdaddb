//! Every view at three sizes, text and styles, on what was recorded, on nothing, on very much and on losses.

use tracer::tui::scene::Scene;
use tracer::tui::theme::Theme;

use crate::scenes;
use crate::user::User;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// What is pressed to see each of them.
const VIEWS: [(&str, &str); 9] = [
    ("findings", "1"),
    ("a finding", "1 Enter"),
    ("graph", "2"),
    ("locks", "3"),
    ("a lock", "3 Down Enter"),
    ("tasks", "4"),
    ("a task", "4 Enter"),
    ("reloads", "5"),
    ("log", "6"),
];

fn all(name: &str, scene: &Scene) {
    for size in SIZES {
        let mut out = String::new();
        for (view, keys) in VIEWS {
            let mut user = User::new(scene, size);
            user.press(keys);
            out.push_str(&format!("=== {view}\n{}", user.styled()));
        }
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), out);
    }
}

#[test]
fn the_founding_recording() {
    all("founding", &scenes::founding());
}

#[test]
fn nothing() {
    all("empty", &scenes::empty());
}

#[test]
fn very_much() {
    all("huge", scenes::huge());
}

#[test]
fn losses() {
    all("lossy", &scenes::lossy());
}

#[test]
fn what_lies_over_a_view() {
    let scene = scenes::founding();
    let screen = |keys: &str| {
        let mut user = User::new(&scene, (80, 24));
        user.press(keys);
        format!("=== {keys}\n{}", user.styled())
    };
    let screens = [
        "?",
        "2 ?",
        "e",
        "/ p o s s",
        "/ x x x Enter",
        "5 Enter",
        "6 Enter",
        "{",
        "2 z z f",
    ]
    .map(screen);
    insta::assert_snapshot!(screens.concat());
}

/// No colours, and only ASCII: the same is told.
#[test]
fn nothing_is_told_by_colour_alone() {
    let scene = scenes::founding();
    let theme = |color, ascii| Theme { color, ascii };
    for (view, keys) in VIEWS {
        let screen = |theme| User::with(&scene, (120, 40), theme).press(keys).screen();
        assert_eq!(screen(theme(true, false)), screen(theme(false, false)), "{view}");
        let ascii = screen(theme(false, true));
        assert!(ascii.is_ascii(), "{view}: {ascii}");
        let colors = User::with(&scene, (120, 40), theme(false, false)).press(keys).buffer();
        let is_plain = |cell: &ratatui::buffer::Cell| {
            cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset
        };
        assert!(colors.content.iter().all(is_plain), "{view}");
    }
    let mut user = User::with(&scene, (120, 40), theme(false, true));
    insta::assert_snapshot!(user.press("2").screen());
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    let scene = scenes::founding();
    for size in [(0, 0), (1, 1), (39, 24), (80, 9)] {
        let mut user = User::new(&scene, size);
        let screen = user.press("Enter Esc 2 3 ?").screen();
        assert!(
            "larger, please".starts_with(screen.trim().lines().next().unwrap_or("")),
            "{size:?}: {screen}"
        );
    }
    assert!(User::new(&scene, (40, 10)).screen().contains("CRITICAL"));
}
