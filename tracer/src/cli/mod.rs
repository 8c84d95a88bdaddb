//! The command line: one file a subcommand.

pub mod common;
mod completions;
mod config;
pub mod destination;
mod diff;
mod explain;
pub mod failure;
pub mod format;
mod list;
mod man;
pub mod message;
mod pager;
mod report;
mod schema;
mod source;
#[cfg(feature = "tui")]
mod tui;

#[cfg(feature = "live")]
mod check;
#[cfg(feature = "live")]
mod record;
#[cfg(feature = "live")]
mod reports;
#[cfg(feature = "live")]
mod run;
#[cfg(feature = "live")]
mod trace_args;
#[cfg(all(feature = "live", feature = "tui"))]
mod watch;

use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use failure::{Failure, Status};

/// Shows lock-order cycles of a stock Linux kernel, before they deadlock.
#[derive(Debug, Parser)]
#[command(
    name = "tracer",
    version,
    max_term_width = 100,
    after_help = "Flags that are not given have their values from /etc/tracer/config.toml and ~/.config/tracer/config.toml: docs/configuration.md"
)]
pub struct Cli {
    /// Read this configuration instead of the usual files; `none` is no configuration
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Trace the locks of this machine's kernel while a command runs
    #[cfg(feature = "live")]
    Run(run::RunArgs),
    /// Trace the locks of this machine's kernel into a file, for `tracer report`
    #[cfg(feature = "live")]
    Record(record::RecordArgs),
    /// Tell what can be traced on this machine, and what is missing
    #[cfg(feature = "live")]
    Check(check::CheckArgs),
    /// Analyse a file and report what it shows
    Report(report::ReportArgs),
    /// Compare two files: which findings and dependencies did a patch bring, remove or change?
    Diff(diff::DiffArgs),
    /// Tell what a word of a report means: a kind of finding, a verdict, a counter; or one finding of a file
    Explain(explain::ExplainArgs),
    /// List what is built in: probes, profiles, rules
    List(list::ListArgs),
    /// Print the JSON Schema of the JSON report, or of the difference
    Schema(schema::SchemaArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(man::ManArgs),
}

impl Cli {
    /// The command line of this process, and the configuration where that says nothing. Help and what is wrong with the command line are shown at once,
    /// and end the process.
    ///
    /// # Errors
    /// When the configuration is wrong.
    pub fn of_process() -> Result<Self, Failure> {
        let mut command = Self::command();
        // What is wrong with the command line is told by the second look; a wrong configuration does not stand in the way of help.
        if let Ok(first) = command.clone().ignore_errors(true).try_get_matches() {
            let wanted = first.get_one::<PathBuf>("config").map(PathBuf::as_path);
            command = config::configure(command, wanted)?;
        }
        Self::from_arg_matches(&command.get_matches()).map_err(|error| error.exit())
    }
}

/// Does what the command line says.
///
/// # Errors
/// With the exit status and a message for the user.
pub fn execute(cli: &Cli) -> Result<Status, Failure> {
    match &cli.command {
        #[cfg(feature = "live")]
        Command::Run(args) => run::execute(args),
        #[cfg(feature = "live")]
        Command::Record(args) => record::execute(args),
        #[cfg(feature = "live")]
        Command::Check(args) => check::execute(args),
        Command::Report(args) => report::execute(args),
        Command::Diff(args) => diff::execute(args),
        Command::Explain(args) => explain::execute(args),
        Command::List(args) => list::execute(args),
        Command::Schema(args) => schema::execute(args),
        Command::Completions(args) => completions::execute(args),
        Command::Man(args) => man::execute(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
