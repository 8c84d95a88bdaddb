//! The command that is traced.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
};

use tokio::process::Child;

use super::SessionError;

/// The command, or none.
pub(super) struct Command {
    child: Option<Child>,
}

impl Command {
    /// Starts it with this process's terminal; an empty one is none.
    pub(super) fn spawn(words: &[String]) -> Result<Self, SessionError> {
        let Some((program, arguments)) = words.split_first() else {
            return Ok(Self { child: None });
        };
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .stdin(Stdio::inherit())
            .spawn()
            .map_err(|source| SessionError::Command {
                command: program.clone(),
                source,
            })?;
        Ok(Self { child: Some(child) })
    }

    /// Waits for its end; for ever when there is none.
    pub(super) async fn wait(&mut self) -> ExitStatus {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => status,
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    }

    /// Asks it to end. It is not waited for: it may hang on the very lock that is looked for.
    pub(super) fn stop(&mut self) {
        if let Some(id) = self
            .child
            .as_ref()
            .and_then(Child::id)
            .and_then(|id| i32::try_from(id).ok())
        {
            // SAFETY: a child that was not waited for keeps its id.
            unsafe { libc::kill(id, libc::SIGTERM) };
        }
    }
}

/// The status as shells show it: 128 + n after signal n.
pub(super) fn status_number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_told_as_shells_do() {
        assert_eq!(status_number(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(status_number(ExitStatus::from_raw(9)), 137);
    }
}
