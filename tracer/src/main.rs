//! The `tracer` program: parses, calls, exits.

use std::process::ExitCode;

use tracer::cli::{self, Cli};

fn main() -> ExitCode {
    match Cli::of_process().and_then(|cli| cli::execute(&cli)) {
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
