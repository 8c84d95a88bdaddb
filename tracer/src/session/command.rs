//! The command that is traced.

use std::{
    io,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{net::unix::pipe, process::Child, time::timeout};

use super::{SessionError, output::Lines};

/// How long its last output is waited for: a process that it has left behind may have the pipe, too.
const LAST_OUTPUT: Duration = Duration::from_millis(50);
/// And how much of it is read.
const LAST_PIECES: usize = 256;

/// The command, or none.
pub(super) struct Command {
    child: Option<Child>,
    /// What it writes, unless it has the terminal.
    output: Option<(pipe::Receiver, Lines)>,
}

impl Command {
    /// Starts it with this process's terminal, or with its output told line by line; an empty one is none.
    pub(super) fn spawn(words: &[String], is_told: bool) -> Result<Self, SessionError> {
        let Some((program, arguments)) = words.split_first() else {
            return Ok(Self {
                child: None,
                output: None,
            });
        };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::inherit());
        let started = || -> io::Result<Self> {
            let mut output = None;
            if is_told {
                let (reader, writer) = io::pipe()?;
                let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
                command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
                output = Some((reader, Lines::default()));
            }
            let child = command.spawn()?;
            // This process's own ends of the pipe: without them, the pipe ends with those who write into it.
            drop(command);
            Ok(Self {
                child: Some(child),
                output,
            })
        };
        started().map_err(|source| SessionError::Command {
            command: program.clone(),
            source,
        })
    }

    /// Waits for its end, or for lines that it writes.
    pub(super) async fn next(&mut self) -> Next {
        let Self { child, output } = self;
        let ended = async {
            match child {
                Some(child) => child.wait().await.ok(),
                None => None,
            }
        };
        tokio::select! {
            biased;
            Some(status) = ended => Next::Ended(status),
            Some(lines) = written(output) => Next::Wrote(lines),
            else => std::future::pending().await,
        }
    }

    /// What it wrote last.
    pub(super) async fn last(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for _ in 0..LAST_PIECES {
            match timeout(LAST_OUTPUT, written(&mut self.output)).await {
                Ok(Some(lines)) => all.extend(lines),
                _ => break,
            }
        }
        all.extend(self.output.as_mut().and_then(|(_, lines)| lines.rest()));
        all
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

/// What the command did.
pub(super) enum Next {
    /// It has ended.
    Ended(ExitStatus),
    /// It wrote these lines.
    Wrote(Vec<String>),
}

/// The next lines; none when there is no output any more.
async fn written(output: &mut Option<(pipe::Receiver, Lines)>) -> Option<Vec<String>> {
    let (reader, lines) = output.as_mut()?;
    let mut piece = [0; 4096];
    loop {
        reader.readable().await.ok()?;
        match reader.try_read(&mut piece) {
            Ok(0) => return None,
            Ok(length) => return Some(lines.take(piece.get(..length)?)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
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

    /// All lines of a shell's command, and its status.
    async fn lines(script: &str) -> (Vec<String>, i32) {
        let words = ["sh", "-c", script].map(str::to_owned);
        let mut command = Command::spawn(&words, true).unwrap();
        let mut all = Vec::new();
        loop {
            match command.next().await {
                Next::Wrote(lines) => all.extend(lines),
                Next::Ended(status) => {
                    all.extend(command.last().await);
                    return (all, status_number(status));
                }
            }
        }
    }

    #[tokio::test]
    async fn what_it_writes_is_told_in_order_to_its_last_line() {
        let (lines, status) = lines("echo one; echo two >&2; sleep 0.1; printf three; exit 4").await;
        assert_eq!(
            (lines, status),
            (["one", "two", "three"].map(str::to_owned).to_vec(), 4)
        );
    }

    #[tokio::test]
    async fn who_writes_nothing_and_closes_all_still_ends() {
        assert_eq!(lines("exec >&- 2>&-; sleep 0.1; exit 5").await, (Vec::new(), 5));
    }

    #[tokio::test]
    async fn who_is_left_behind_with_the_pipe_is_not_waited_for() {
        let (lines, status) = lines("(sleep 5; echo late) & echo ready").await;
        assert_eq!((lines, status), (vec!["ready".to_owned()], 0));
    }
}
