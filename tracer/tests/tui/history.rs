//! Steps back through the run, what stays selected while it grows, and where deadlocks are.

use std::sync::Arc;

use tracer::analysis::snapshot::Snapshot;
use tracer::tui::list::ListKind;
use tracer::tui::message::{Effect, Message};
use tracer::tui::model::View;
use tracer::tui::scene::Scene;

use crate::scenes::{self, recorded};
use crate::user::User;

#[test]
fn each_step_back_takes_a_dependency_and_each_step_on_brings_it_again() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (80, 24));
    let mut counts = Vec::new();
    for _ in 0..20 {
        user.press("[");
        counts.push(scene.came_by(user.model.moment.expect("a moment")));
    }
    assert!(counts.windows(2).all(|pair| pair[1] < pair[0]), "{counts:?}");
    for &count in counts.iter().rev().skip(1) {
        user.press("]");
        assert_eq!(scene.came_by(user.model.moment.expect("a moment")), count);
    }
    user.press("n");
    assert_eq!(user.model.moment, None);
}

#[test]
fn a_finding_is_there_from_the_moment_its_last_side_came() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (120, 40));
    let all = user.model.list(ListKind::Findings).rows.len();
    // To the begin of the reload that hangs: nothing was found yet that closes in it.
    user.press("{");
    let at = user.model.moment.expect("a reload");
    let shown = user.model.list(ListKind::Findings).rows.clone();
    let expected = scene
        .snapshot
        .findings
        .iter()
        .filter(|finding| finding.first_ns <= at)
        .count();
    assert_eq!(shown.len(), expected);
    assert!(shown.len() < all, "the recursion comes later");
    assert!(!user.screen().contains("CRITICAL"));
    user.press("n");
    assert!(user.screen().contains("CRITICAL"));
}

#[test]
fn the_slider_tells_which_reload_brought_the_newest_dependency() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (200, 60));
    // Before the first reload.
    user.press("{ { { {");
    assert_eq!(user.model.moment, scene.turns.first().copied());
    // The first dependency in it.
    user.press("]");
    let screen = user.screen();
    assert!(screen.contains("by devlink, devlink-reload dlock/dlock0"), "{screen}");
}

#[test]
fn there_is_no_moment_of_nothing() {
    let scene = scenes::empty();
    let mut user = User::new(&scene, (80, 24));
    user.press("[ ] { } n");
    assert_eq!(user.model.moment, None);
}

/// Numbers change while the trace grows; what was selected stays selected.
#[test]
fn what_is_selected_stays_selected() {
    let small = scenes::founding();
    let mut grown = recorded();
    let first = grown.findings[0].clone();
    for id in 100..103 {
        let mut finding = first.clone();
        (finding.id, finding.fingerprint) = (id, format!("{id:016x}"));
        grown.findings.insert(0, finding);
    }
    grown.locks.reverse();
    let grown = Scene::new(Arc::new(grown), &[]);
    let mut user = User::new(&small, (80, 24));
    user.press("Down");
    let chosen = user.model.selected().expect("a finding");
    user.press("3 Down Down");
    let lock = user.model.selected().expect("a lock");
    user.look_at(&grown);
    assert_eq!(user.model.selected(), Some(lock));
    user.press("1");
    assert_eq!(user.model.selected(), Some(chosen));
    assert!(
        user.model.list(ListKind::Findings).selected > 1,
        "three others came before it"
    );
}

/// Until something is chosen, what comes to the top is what keys are about.
#[test]
fn what_comes_to_the_top_is_selected_until_something_is_chosen() {
    let before = scenes::founding();
    let mut snapshot = recorded();
    let mut deadlock = snapshot.findings[0].clone();
    (deadlock.id, deadlock.verdict) = (99, Some("deadlock".to_owned()));
    deadlock.fingerprint = format!("{:016x}", 99);
    snapshot.findings.push(deadlock);
    let after = Scene::new(Arc::new(snapshot), &[]);
    let selected = |keys: &str| {
        let mut user = User::new(&before, (80, 24));
        user.press(keys);
        user.look_at(&after);
        user.press("Esc");
        user.model.list(ListKind::Findings).selected
    };
    assert_eq!(selected("3 1"), 0);
    assert_eq!(selected("Enter"), 1, "what was opened stays selected");
    assert_eq!(selected("Down Up"), 1);
    assert_eq!(selected("Down Up 1"), 0, "back to where the view begins");
}

/// Whatever else was found, what hangs now is on top.
#[test]
fn a_live_deadlock_is_on_top() {
    let mut snapshot = recorded();
    let mut deadlock = snapshot.findings[0].clone();
    (deadlock.id, deadlock.verdict) = (99, Some("deadlock".to_owned()));
    snapshot.findings.push(deadlock);
    let scene = Scene::new(Arc::new(snapshot), &[]);
    let user = User::new(&scene, (80, 24));
    let top = user.model.list(ListKind::Findings).rows[0];
    assert_eq!(scene.snapshot.findings[top as usize].id, 99);
}

#[test]
fn a_filter_wants_all_its_words() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (80, 24));
    user.press("3 / d e v l i n k Enter");
    let rows = &user.model.list(ListKind::Locks).rows;
    assert!(!rows.is_empty() && rows.len() < scene.snapshot.locks.len());
    assert!(rows.iter().all(|&row| {
        let lock = &scene.snapshot.locks[row as usize];
        [&lock.name, &lock.class].iter().any(|text| text.contains("devlink"))
            || lock.label.iter().any(|label| label.contains("devlink"))
    }));
    user.press("Esc");
    assert_eq!(user.model.list(ListKind::Locks).rows.len(), scene.snapshot.locks.len());
}

#[test]
fn a_finding_is_copied_as_its_splat_and_exported_alone() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (80, 24));
    user.press("y e Down Enter");
    let [Effect::Copy(splat), Effect::Export { format, finding }] = &user.effects[..] else {
        panic!("{:?}", user.effects);
    };
    assert!(
        splat.contains("WARNING: possible recursive locking detected"),
        "{splat}"
    );
    assert_eq!((*format, *finding), (1, Some(1)));
    user.effects.clear();
    // Around a lock, the whole report is exported.
    user.press("3 d e Enter");
    assert_eq!(
        user.effects,
        [Effect::Export {
            format: 0,
            finding: None
        }]
    );
}

#[test]
fn the_mouse_goes_where_it_is_clicked() {
    let scene = scenes::founding();
    let mut user = User::new(&scene, (80, 24));
    let screen = user.screen();
    let (row, line) = screen
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains("possible"))
        .expect("the second finding");
    assert!(!line.starts_with('>'));
    let row = u16::try_from(row).unwrap();
    user.tell(Message::Click(20, row));
    assert_eq!(user.model.list(ListKind::Findings).selected, 1);
    assert!(user.model.detail.is_none());
    user.tell(Message::Click(20, row));
    assert!(user.model.detail.is_some(), "a second click opens");
    let column = screen.lines().nth(2).unwrap().find("Locks").unwrap();
    user.tell(Message::Click(u16::try_from(column).unwrap(), 2));
    assert_eq!(user.model.view, View::Locks);
    user.tell(Message::Click(79, 2));
    assert_eq!(user.model.view, View::Locks, "there is no tab");
}

#[test]
fn ids_that_lead_nowhere_are_no_panic() {
    let mut snapshot = recorded();
    snapshot.locks.truncate(3);
    snapshot.dependencies.truncate(100);
    let snapshot = Snapshot {
        windows: Vec::new(),
        ..snapshot
    };
    let scene = Scene::new(Arc::new(snapshot), &[]);
    let mut user = User::new(&scene, (80, 24));
    for keys in [
        "Enter", "End", "Esc", "2", "3", "Enter", "Esc", "4", "Enter", "Esc", "[", "2", "z",
    ] {
        user.press(keys);
        user.screen();
    }
}

/// Names come from the kernel, and from files that anybody may have written.
#[test]
fn what_could_move_the_cursor_is_not_shown_as_it_is() {
    let mut snapshot = recorded();
    let evil = "\x1b[2Jname\r\n\u{9b}31m";
    snapshot.kernel.release = Some(evil.to_owned());
    snapshot.capture.command = Some(vec![evil.to_owned()]);
    for lock in &mut snapshot.locks {
        (lock.name, lock.class) = (format!("{evil}{}", lock.id), evil.to_owned());
    }
    for finding in &mut snapshot.findings {
        finding.title = evil.to_owned();
        finding.scenario.iter_mut().for_each(|side| side.task = evil.to_owned());
    }
    for evidence in snapshot
        .dependencies
        .iter_mut()
        .flat_map(|dependency| &mut dependency.evidence)
    {
        evidence.task = evil.to_owned();
        evidence.to_stack = vec![evil.into()];
    }
    let scene = Scene::new(Arc::new(snapshot), &[]);
    for keys in [
        "1", "1 Enter", "2", "2 Enter", "3", "3 Enter", "4", "4 Enter", "5", "6", "1 e", "[",
    ] {
        let mut user = User::new(&scene, (120, 40));
        let screen = user.press(keys).screen();
        assert!(
            !screen.chars().any(|c| c.is_control() && c != '\n'),
            "{keys}: {screen:?}"
        );
        assert_eq!(screen.lines().count(), 40);
    }
}
