//! Reports: pure functions of a snapshot.

mod clean;
pub mod dot;
mod excerpt;
pub mod explanation;
mod graph;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod ktap;
pub mod live;
pub mod mail;
pub mod perfetto;
mod phrase;
pub mod redact;
mod scenario;
mod source;
pub mod splat;
pub mod style;
pub mod svg;
pub mod text;
mod totals;
pub(crate) mod wrap;
