//! The terminal user interface: its screens, its keys, and what becomes of the terminal.

#![cfg(feature = "tui")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test ends at what it did not expect"
)]

#[path = "tui/exploration.rs"]
mod exploration;
#[path = "tui/history.rs"]
mod history;
#[path = "tui/pages.rs"]
mod pages;
#[path = "tui/scenes.rs"]
mod scenes;
#[path = "tui/screens.rs"]
mod screens;
#[path = "tui/terminal.rs"]
mod terminal;
#[path = "tui/user.rs"]
mod user;
