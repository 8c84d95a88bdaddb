//! Progress on standard error: what is being fetched, built and booted, with times.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

static START: OnceLock<Instant> = OnceLock::new();

/// Starts the clock that the progress lines show.
pub fn start() {
    START.get_or_init(Instant::now);
}

/// Time since [`start`].
pub fn elapsed() -> Duration {
    START.get_or_init(Instant::now).elapsed()
}

/// Prints one progress line: seconds since the start, what is done, to what.
pub fn say(verb: &str, what: &str) {
    eprintln!("[{:6.1} s] {verb:>9} {what}", elapsed().as_secs_f64());
}
