//! The `tracer` program: parses, calls, exits.

use std::process::ExitCode;

use clap::Parser;
use tracer::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::execute(&Cli::parse()) {
        Ok(status) => status.into(),
        Err(failure) => {
            eprintln!("tracer: {failure}");
            if let Some(hint) = &failure.hint {
                eprintln!("tracer: {hint}");
            }
            failure.status.into()
        }
    }
}
