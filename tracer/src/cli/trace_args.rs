//! What is traced and how: the flags that all subcommands have in common which trace the running kernel.

use std::{path::Path, time::Duration};

use clap::{ArgAction, Args};
use tracer_common::scope::Scope;

use super::{common::seconds, failure::Failure, message::say};
use crate::{
    analysis::{context::Addresses, rules::RuleSet},
    live,
    private_file::Place,
    selection::{Selection, Wanted},
    session::{Options, SessionError},
};

/// What is traced and how.
#[derive(Args, Debug)]
pub struct TraceArgs {
    /// The command to trace to its end; without one, trace until Ctrl-C
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// How to listen to the kernel: fentry, lockdep, kprobe, contention, or auto for the best that it grants
    #[arg(long, value_name = "BACKEND", default_value = "auto", value_parser = live::wanted)]
    pub backend: live::Wanted,
    /// Which locks are traced: net, all, devlink, or a profile of your own (a file, or a name in /etc/tracer/profiles)
    #[arg(long, value_name = "NAME|FILE", default_value = "net")]
    pub profile: String,
    /// Trace only the threads of this process
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,
    /// Trace only tasks of this name
    #[arg(long, value_name = "NAME")]
    pub comm: Option<String>,
    /// Trace only tasks in this network namespace: a name of `ip netns`, a file, or an inode number
    #[arg(long, value_name = "NETNS")]
    pub netns: Option<String>,
    /// Trace only locks of this class or name; a `*` at its beginning or end stands for anything. May be given several times
    #[arg(long, value_name = "LOCK")]
    pub lock: Vec<String>,
    /// Leave out locks of this class or name. May be given several times
    #[arg(long, value_name = "LOCK")]
    pub exclude: Vec<String>,
    /// How many locks of one call path are told apart: what goes beyond is known by its classes only. 0 tells all of them apart
    #[arg(long, value_name = "NUMBER", default_value_t = Scope::OBJECTS)]
    pub objects: u64,
    /// Measure how often and how long each lock is held, too, which makes each acquisition and release dearer
    #[arg(long)]
    pub hold_times: bool,
    /// Do not read the kernel's code (/proc/kcore), which names locks by the member that is taken and by what they belong to
    #[arg(long)]
    pub no_read_code: bool,
    /// The default, for command lines from the time when it was not
    #[arg(long, hide = true, overrides_with = "no_read_code")]
    pub read_code: bool,
    /// Say less on standard error: errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more on standard error: every probe; twice: the eBPF program's debug log, too
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

impl TraceArgs {
    /// What a session is asked for, without rules and files.
    ///
    /// # Errors
    /// When what is selected means nothing.
    pub fn options(&self) -> Result<Options, Failure> {
        if self.verbose > 1 {
            let _ = env_logger::Builder::new()
                .filter_level(log::LevelFilter::Debug)
                .try_init();
        }
        let selection = Selection::new(Wanted {
            profile: self.profile.clone(),
            pid: self.pid,
            comm: self.comm.clone(),
            netns: self.netns.clone(),
            lock: self.lock.clone(),
            exclude: self.exclude.clone(),
            objects: (self.objects != Scope::OBJECTS).then_some(self.objects),
            hold_times: self.hold_times,
        })
        .map_err(Failure::usage)?;
        Ok(Options {
            command: self.command.clone(),
            duration: self.duration,
            addresses: Addresses::Pseudonym,
            selection,
            read_code: self.read_code || !self.no_read_code,
            backend: self.backend,
            rules: RuleSet::default(),
            recording: None,
            verbose: self.verbose > 0,
            debug: self.verbose > 1,
        })
    }

    /// Tells the user how it is going.
    pub fn progress(&self, line: &str) {
        // One of the two can be configured.
        if !self.quiet || self.verbose > 0 {
            say(line);
        }
    }
}

/// How large a recording may become.
#[derive(Args, Debug)]
pub struct RecordingArgs {
    /// Most bytes of a recording; with K, M or G behind it, KiB, MiB or GiB. What comes first is kept: the rest rests on it
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = bytes)]
    pub record_size: u64,
}

impl RecordingArgs {
    /// A recording in this file.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub fn at(&self, path: &Path) -> Result<(Place, u64), Failure> {
        let place = Place::new(path).map_err(Failure::usage)?;
        Ok((place, self.record_size))
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("K", 10), ("M", 20), ("G", 30)];
    let unit = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    let number: Option<u64> = number.parse().ok().filter(|number| *number > 0);
    let size = number.and_then(|number| number.checked_mul(1 << shift));
    size.ok_or_else(|| format!("`{text}` is no size: it is a number, or one with K, M or G behind it"))
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Command { .. }
            | SessionError::Selection(_)
            | SessionError::Recording(_)
            | SessionError::Sink(_) => Self::usage(error),
            SessionError::Live(_) | SessionError::System { .. } => Self::unable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_may_have_a_unit() {
        assert_eq!(
            (bytes("4096"), bytes("64K"), bytes("2G")),
            (Ok(4096), Ok(65_536), Ok(2 << 30))
        );
        for wrong in ["", "0", "1T", "-1", "1.5G", "99999999999G"] {
            assert!(bytes(wrong).is_err_and(|error| error.contains(wrong)), "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_a_number_of_seconds() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert!(seconds("-1").is_err());
        assert!(seconds("1h").is_err_and(|error| error.contains("`1h`")));
    }
}
