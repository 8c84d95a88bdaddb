//! Reports: pure functions of a snapshot.

pub(crate) mod clean;
pub mod dot;
pub mod excerpt;
pub mod explanation;
pub(crate) mod graph;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod ktap;
pub mod live;
pub mod mail;
pub mod perfetto;
pub(crate) mod phrase;
pub mod redact;
pub(crate) mod scenario;
pub(crate) mod source;
pub mod splat;
pub mod style;
pub mod svg;
pub mod text;
pub(crate) mod totals;
pub(crate) mod wrap;
