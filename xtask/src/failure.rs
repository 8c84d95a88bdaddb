//! Errors that end with their own exit status.

use std::fmt;

/// An error whose exit status a script may rely on.
#[derive(Debug)]
pub struct Failure {
    /// Exit status: 2 for wrong usage, 3 when this machine cannot do it.
    pub status: u8,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Wrong usage: an unknown scenario or kernel, a malformed scenario file.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Failure {
        status: 2,
        message: message.into(),
    }
    .into()
}

/// This machine cannot do it; the message says which and what to do.
pub fn unable(message: impl Into<String>) -> anyhow::Error {
    Failure {
        status: 3,
        message: message.into(),
    }
    .into()
}
