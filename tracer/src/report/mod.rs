//! Reports: pure functions of a snapshot.

pub mod json;
pub mod style;
pub mod text;
mod wrap;
