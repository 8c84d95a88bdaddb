//! Shows lock-order cycles of a stock Linux kernel, before they deadlock.
//!
//! Events come from a source (a live kernel, a text trace), [`analysis::model::Model`] takes them in and gives a
//! [`analysis::snapshot::Snapshot`] at any moment, and [`report`] shows that.

pub mod analysis;
pub mod cli;
pub mod decode;
pub mod explain;
pub mod import;
#[cfg(feature = "live")]
pub mod live;
pub mod names;
pub mod private_file;
pub mod recording;
pub mod report;
pub mod selection;
#[cfg(feature = "live")]
pub mod session;
pub mod trace;
#[cfg(feature = "tui")]
pub mod tui;
