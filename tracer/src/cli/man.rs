//! `tracer man [DIR]`: the manual pages, made of the definition of the command line.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::failure::{Failure, Status};
use super::{Cli, common};

/// Arguments of `man`.
#[derive(Args, Debug)]
#[command(after_help = "To read it: tracer man | man -l -")]
pub struct ManArgs {
    /// Write tracer.1 and a page for each subcommand into this folder, instead of tracer.1 to standard output
    dir: Option<PathBuf>,
}

pub(super) fn execute(args: &ManArgs) -> Result<Status, Failure> {
    // `help` has no page: it shows what is in the others.
    let mut command = Cli::command().disable_help_subcommand(true);
    // Subcommands get their full names (`tracer-report`), and the flags of all of them.
    command.build();
    match &args.dir {
        Some(dir) => {
            let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", dir.display()));
            std::fs::create_dir_all(dir).map_err(failed)?;
            for command in std::iter::once(&command).chain(command.get_subcommands()) {
                page(command).generate_to(dir).map_err(failed)?;
            }
        }
        None => {
            let mut text = Vec::new();
            let rendered = page(&command).render(&mut text);
            rendered.map_err(|error| Failure::usage(format!("the manual page: {error}")))?;
            common::write(&text, None)?;
        }
    }
    Ok(Status::Clean)
}

fn page(command: &Command) -> Man {
    Man::new(command.clone()).source(concat!("tracer ", env!("CARGO_PKG_VERSION")))
}
