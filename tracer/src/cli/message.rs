//! What is said beside the result: lines on standard error.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

/// Says one line. A reader that has gone away is no error: the result and the exit status stand, and a trace goes on.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "tracer: {line}");
}
