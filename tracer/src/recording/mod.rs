//! The capture file: everything that a trace was told, as it was told, so that another machine makes the same report of it. See `docs/recording.md`.

pub mod file;
pub mod frame;
pub mod header;
pub mod inventory;
mod item;
mod reader;
mod replay;
mod writer;

pub use file::RecordingFile;
pub use header::Header;
pub use inventory::{Inventory, verify};
pub use replay::{Replay, replay};
pub use writer::{Notice, Storage, Writer};

#[cfg(test)]
mod tests;

use std::io;

use thiserror::Error;

/// Why a recording cannot be replayed. What is damaged in one that can is told by its [`Inventory`].
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It cannot be read at all.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It does not begin as one.
    #[error("is no recording of tracer")]
    NoRecording,
    /// A version that is not there yet.
    #[error(
        "is a recording of format {major}.{minor}, and this tracer reads {}.x: read it with a newer one",
        frame::MAJOR
    )]
    Newer {
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
    },
    /// A version that is read no more. Before 1.0 there was none.
    #[error(
        "is a recording of format {major}.{minor}, and this tracer reads {}.x: read it with an older one",
        frame::MAJOR
    )]
    Older {
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
    },
    /// The first frame is damaged or not there.
    #[error("this recording is damaged in its header, without which nothing can be made of the rest: {0}")]
    NoHeader(String),
    /// Records of another shape.
    #[error(
        "was recorded by tracer {version}, whose records have another shape than those of this version: read it with that one"
    )]
    Layout {
        /// Who wrote it.
        version: String,
    },
    /// The header has something in it that means nothing.
    #[error("this recording's header means nothing: {0}")]
    Header(String),
}
