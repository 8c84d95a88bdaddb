//! The `tracer` program: parses, calls, exits.

use std::process::ExitCode;

use clap::Parser;
use tracer::cli::{self, Cli, message::say};

fn main() -> ExitCode {
    match cli::execute(&Cli::parse()) {
        Ok(status) => status.into(),
        Err(failure) => {
            say(&failure);
            if let Some(hint) = &failure.hint {
                say(hint);
            }
            failure.status.into()
        }
    }
}
