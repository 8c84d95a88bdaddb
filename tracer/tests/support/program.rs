//! The program from outside.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// The program, without what whoever runs the tests has configured.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tracer"));
    program.env("XDG_CONFIG_HOME", "/nonexistent");
    program
}

/// Runs it.
pub fn tracer(args: &[&str]) -> Output {
    program().args(args).output().expect("tracer runs")
}

/// Runs it with this on standard input.
pub fn tracer_with(args: &[&str], input: &[u8]) -> Output {
    let mut child = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tracer runs");
    // It may end without having read its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait_with_output().expect("tracer ends")
}

/// How it ended.
pub fn status(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

/// Its result.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What it said beside that.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}
