//! How a run of the program ends.

use std::process::ExitCode;

/// Exit status: `docs/formats.md` §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No finding at or above the threshold.
    Clean,
    /// At least one.
    Findings,
    /// Wrong flags, unreadable or malformed input.
    Usage,
    /// This machine cannot do it: no privilege, no BTF, locked down, no backend.
    Unable,
    /// With `--strict`: the capture is incomplete.
    Incomplete,
    /// What the command under `run` ended with, with `--propagate`.
    Command(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Clean => 0,
            Status::Findings => 1,
            Status::Usage => 2,
            Status::Unable => 3,
            Status::Incomplete => 4,
            Status::Command(status) => status,
        })
    }
}

/// Why the program could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What to exit with.
    pub status: Status,
    /// What went wrong, with the object in it.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// The user's input is wrong: exit status 2.
    pub fn usage(message: impl ToString) -> Self {
        Self {
            status: Status::Usage,
            message: message.to_string(),
            hint: None,
        }
    }

    /// This machine cannot do it: exit status 3.
    pub fn unable(message: impl ToString) -> Self {
        Self {
            status: Status::Unable,
            message: message.to_string(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl ToString) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

impl From<crate::import::Error> for Failure {
    fn from(error: crate::import::Error) -> Self {
        Self::usage(error)
    }
}
