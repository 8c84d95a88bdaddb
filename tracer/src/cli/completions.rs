//! `tracer completions SHELL`: completions for a shell, made of the definition of the command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::{Failure, Status};
use super::{Cli, common};

/// Arguments of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "For bash: tracer completions bash > /etc/bash_completion.d/tracer")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn execute(args: &CompletionsArgs) -> Result<Status, Failure> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tracer", &mut out);
    let text = String::from_utf8(out).map_err(|error| Failure::usage(format!("completions: {error}")))?;
    common::write(&text, None)?;
    Ok(Status::Clean)
}
