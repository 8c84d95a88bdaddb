//! Somebody who presses any keys: nothing ever breaks, and each key of the table does something somewhere.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tracer::tui::keys::{self, BINDINGS};
use tracer::tui::message::Message;
use tracer::tui::scene::Scene;

use crate::scenes;
use crate::user::User;

/// Keys that are pressed.
const PRESSES: usize = 800;

/// What was seen to do something: places in the table and screens.
type Done = BTreeSet<(usize, String)>;

/// Presses any keys of the table for a while; what changed the screen or had an effect comes out.
fn explore(scene: &Scene, is_live: bool, seed: u64, mut done: Done) -> Done {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut user = User::new(scene, (80, 24));
    user.model.is_live = is_live;
    let mut before = user.screen();
    for number in 0..PRESSES {
        // Sometimes the terminal gets another size, or somebody types or clicks.
        match rng.random_range(0..40) {
            0 => {
                let sizes = [(80, 24), (40, 10), (100, 12), (140, 50)];
                let (width, height) = sizes[rng.random_range(0..sizes.len())];
                user.tell(Message::Resize(width, height));
            }
            1 => user.tell(Message::Click(rng.random_range(0..80), rng.random_range(0..24))),
            2 if user.model.is_typing => user.tell(Message::Typed('o')),
            _ => {
                let here: Vec<_> = keys::of(&user.model).collect();
                let screen = format!("{:?}", user.model.screen());
                let place_of = |binding| {
                    BINDINGS
                        .iter()
                        .position(|known| std::ptr::eq(known, binding))
                        .expect("it is of the table")
                };
                // Half of the time one that was not seen to do anything yet.
                let idle = here
                    .iter()
                    .copied()
                    .filter(|&binding| !done.contains(&(place_of(binding), screen.clone())));
                let idle: Vec<_> = idle.collect();
                let among = if idle.is_empty() || rng.random_bool(0.5) {
                    &here
                } else {
                    &idle
                };
                let binding = among[rng.random_range(0..among.len())];
                let place = place_of(binding);
                let press = binding.keys[rng.random_range(0..binding.keys.len())];
                // That a notice goes away is nothing that the key does.
                if user.model.notice.take().is_some() {
                    before = user.screen();
                }
                let message = keys::message(&user.model, press).expect("a key that is told");
                assert_eq!(message, binding.message, "{press:?} means two things on {screen}");
                user.tell(message);
                let after = user.screen();
                if !user.effects.is_empty() || after != before {
                    done.insert((place, screen));
                }
                user.effects.clear();
                before = after;
                continue;
            }
        }
        before = user.screen();
        assert_eq!(
            before.lines().count(),
            usize::from(user.model.size.1),
            "after {number} keys"
        );
    }
    done
}

#[test]
fn each_key_of_the_table_does_something_on_each_of_its_screens() {
    let scene = scenes::founding();
    let mut done = Done::new();
    for (seed, is_live) in [(1, false), (2, true), (3, true), (4, true)] {
        done = explore(&scene, is_live, seed, done);
    }
    let idle: Vec<_> = BINDINGS
        .iter()
        .enumerate()
        .flat_map(|(place, binding)| binding.screens.iter().map(move |screen| (place, format!("{screen:?}"))))
        .filter(|row| !done.contains(row))
        .map(|(place, screen)| format!("{} on {screen}", BINDINGS[place].about))
        .collect();
    assert!(idle.is_empty(), "keys that do nothing: {idle:#?}");
}

#[test]
fn nothing_breaks_where_there_is_nothing() {
    explore(&scenes::empty(), true, 5, Done::new());
}

#[test]
fn a_key_means_one_thing_on_a_screen() {
    for (place, binding) in BINDINGS.iter().enumerate() {
        for other in &BINDINGS[place + 1..] {
            let screen = binding.screens.iter().find(|screen| other.screens.contains(screen));
            let key = binding.keys.iter().find(|key| other.keys.contains(key));
            assert!(
                screen.is_none() || key.is_none(),
                "{key:?} on {screen:?}: {} / {}",
                binding.about,
                other.about
            );
        }
    }
}
