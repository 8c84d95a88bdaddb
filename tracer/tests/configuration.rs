//! Configuration files, from outside.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

/// A home with a configuration in it.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new(text: &str) -> Self {
        let home = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let path = home.path();
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".config/tracer/config.toml")
    }

    fn tracer(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_tracer"))
            .args(args)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"))
            .env("HOME", self.folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .expect("tracer runs")
    }
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn the_own_file_is_read_unless_another_one_is_named() {
    let home = Home::new("fail-on = 'never'\n");
    assert_eq!(status(&home.tracer(&["report", "c01.std"])), Some(0));
    let other = home.folder.path().join("other.toml");
    fs::write(&other, "[report]\nformat = 'json'\n").expect("a file");
    let named = home.tracer(&["--config", other.to_str().expect("UTF-8"), "report", "c01.std"]);
    assert_eq!(status(&named), Some(1), "the own one is not read then");
    assert!(named.stdout.starts_with(b"{"));
    assert_eq!(
        status(&home.tracer(&["report", "--config", "none", "c01.std"])),
        Some(1)
    );
    assert_eq!(
        status(&home.tracer(&["report", "--fail-on", "error", "c01.std"])),
        Some(1)
    );
}

#[test]
fn a_wrong_file_is_refused_with_place_and_help_is_still_given() {
    let home = Home::new("\nfial-on = 'never'\n");
    let refused = home.tracer(&["report", "c01.std"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(status(&refused), Some(2));
    let expected = format!("{}:2: no subcommand has a flag --fial-on", home.path().display());
    assert!(said.contains(&expected), "{said}");
    assert!(refused.stdout.is_empty());
    assert_eq!(status(&home.tracer(&["report", "--help"])), Some(0));
    assert_eq!(status(&home.tracer(&["--version"])), Some(0));
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let home = Home::new("");
    let refused = home.tracer(&["--config", "/nonexistent.toml", "report", "c01.std"]);
    assert_eq!(status(&refused), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/nonexistent.toml"));
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_as_ever() {
    let home = Home::new("color = 'never'\n");
    let refused = home.tracer(&["report", "--nonsense", "c01.std"]);
    assert_eq!(status(&refused), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--nonsense"));
}
