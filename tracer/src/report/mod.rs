//! Reports: pure functions of a snapshot.

mod clean;
mod excerpt;
pub mod json;
pub mod ktap;
pub mod mail;
mod phrase;
mod scenario;
pub mod splat;
pub mod style;
pub mod text;
mod totals;
mod wrap;
