//! The `tracer` program: parses, calls, exits.

use std::process::ExitCode;

use tracer::cli::{self, Cli, message::say};

fn main() -> ExitCode {
    match Cli::of_process().and_then(|cli| cli::execute(&cli)) {
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
