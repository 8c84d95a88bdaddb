//! The program from outside: exit statuses, what goes where, bad input.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::program::{program, status, stderr, stdout, tracer, tracer_with};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(format!("{name}.std"))
}

fn report(name: &str, args: &[&str]) -> Output {
    let path = case(name);
    let mut all = vec!["report", path.to_str().expect("a path in UTF-8")];
    all.extend(args);
    tracer(&all)
}

#[test]
fn the_threshold_makes_the_exit_status() {
    for (name, fail_on, expected) in [
        ("c01", "error", 1),
        ("c01", "critical", 0),
        ("c01", "never", 0),
        ("c01b", "critical", 1),
        ("c17", "error", 0),
        ("c17", "warning", 0),
        ("c17", "note", 1),
        ("c01-fixed", "note", 0),
    ] {
        assert_eq!(
            status(&report(name, &["--fail-on", fail_on])),
            expected,
            "{name} --fail-on {fail_on}"
        );
    }
    assert_eq!(status(&report("c01", &[])), 1, "the default is error");
    assert_eq!(status(&report("c01-fixed", &[])), 0);
}

#[test]
fn strict_refuses_an_incomplete_capture() {
    let incomplete = b"T1|rel(W)|1\n";
    assert_eq!(status(&tracer_with(&["report", "-", "--strict"], incomplete)), 4);
    assert_eq!(status(&tracer_with(&["report", "-"], incomplete)), 0);
    assert_eq!(status(&tracer_with(&["report", "-", "--strict"], b"T1|acq(A)|1\n")), 0);
    let found = b"T1|acq(A)|1\nT1|acq(A)|2\nT1|rel(W)|1\n";
    assert_eq!(
        status(&tracer_with(&["report", "-", "--strict"], found)),
        1,
        "a finding stands whatever was lost"
    );
}

#[test]
fn results_go_to_stdout_and_errors_to_stderr() {
    let good = report("c01", &[]);
    assert!(stdout(&good).contains("circular locking dependency"));
    assert_eq!(stderr(&good), "");
    let bad = tracer_with(&["report", "-"], b"T1|acq(A)|1\nT1|grab(B)|2\n");
    assert_eq!((status(&bad), stdout(&bad).as_str()), (2, ""));
    assert_eq!(
        stderr(&bad),
        "tracer: standard input:2: no such operation: grab: `T1|grab(B)|2`\n"
    );
}

#[test]
fn malformed_input_is_a_usage_error() {
    for (input, message) in [
        (&b""[..], "is empty"),
        (b"hello\n", "neither a text trace"),
        (b"T1|acq(A)\n|", "not of the form"),
        (b"{\"schema_version\": \"9.0\"}", "schema version 9.0"),
        (b"{\"schema_version\": \"1.0\"}", "missing field"),
        (b"{", "broken JSON"),
        (b"\xff\xfe|\n", "not UTF-8"),
    ] {
        let output = tracer_with(&["report", "-"], input);
        assert_eq!(status(&output), 2, "{input:?}");
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let missing = tracer(&["report", "no/such/file.std"]);
    assert_eq!(status(&missing), 2);
    assert!(
        stderr(&missing).contains("no/such/file.std: No such file"),
        "{}",
        stderr(&missing)
    );
    assert_eq!(status(&tracer(&["report"])), 2);
    assert_eq!(status(&tracer(&["nonsense"])), 2);
    assert_eq!(status(&report("c01", &["--fail-on", "nonsense"])), 2);
    let unwritable = report("c01", &["-o", "/no/such/folder/report"]);
    assert_eq!(status(&unwritable), 2);
    assert!(stderr(&unwritable).contains("/no/such/folder/report:"));
}

#[test]
fn a_json_report_is_read_back_to_the_same_report() {
    let json = stdout(&report("founding-6.12", &["--format", "json"]));
    let again = tracer_with(&["report", "-", "--format", "json"], json.as_bytes());
    assert_eq!(stdout(&again), json);
    assert_eq!(status(&again), 1);
    let text = tracer_with(&["report", "-", "--notes"], json.as_bytes());
    assert_eq!(stdout(&text), stdout(&report("founding-6.12", &["--notes"])));
}

#[test]
fn the_output_can_be_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let output = report("c01", &["--format", "json", "-o", path.to_str().expect("UTF-8")]);
    assert_eq!((status(&output), stdout(&output).as_str()), (1, ""));
    let file = std::fs::read_to_string(&path).expect("the report");
    assert_eq!(file, stdout(&report("c01", &["--format", "json"])));
}

/// The exit status when nobody reads what is printed, neither the result nor the messages.
fn unread(args: &[&str]) -> i32 {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = program()
        .args(args)
        .stdout(writer.try_clone().expect("a second end"))
        .stderr(writer)
        .spawn()
        .expect("tracer runs");
    child.wait().expect("tracer ends").code().expect("no signal")
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let file = case("founding-6.12");
    let file = file.to_str().expect("UTF-8");
    let folder = tempfile::tempdir().expect("a folder");
    for (args, expected) in [
        (&["report", file][..], 1),
        (&["report", file, "--format", "json"], 1),
        (&["report", file, "--format", "html"], 1),
        (&["diff", file, file], 0),
        (&["explain"], 0),
        (&["explain", "1", file], 0),
        (&["list", "probes"], 0),
        (&["schema"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["--help"], 0),
        (&["report", "no/such/file"], 2),
        (&["explain", "certian"], 2),
        (&["report", folder.path().to_str().expect("UTF-8")], 2),
    ] {
        assert_eq!(unread(args), expected, "{args:?}");
        let mut child = program()
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tracer runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("tracer ends");
        assert_eq!(status(&output), expected, "{args:?}");
        assert_eq!(stderr(&output).is_empty(), expected != 2, "{args:?}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let file = case("c01");
    let file = file.to_str().expect("UTF-8");
    for args in [&["report", file][..], &["schema"], &["list", "rules"], &["man"]] {
        let output = program()
            .args(args)
            .stdout(std::fs::File::create("/dev/full").expect("the device"))
            .output()
            .expect("tracer runs");
        assert_eq!(status(&output), 2, "{args:?}");
        assert_eq!(
            stderr(&output),
            "tracer: standard output: No space left on device (os error 28)\n"
        );
    }
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    for path in [
        "cases/c01.std",
        "reports/founding-6.12.json",
        "splats/founding-6.12.txt",
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
        let input = std::fs::read(&path).expect("a file");
        let path = path.to_str().expect("UTF-8");
        let on = |file| {
            [
                vec!["report", file],
                vec!["report", file, "--format", "json"],
                vec!["explain", "1", file],
            ]
        };
        for (from_file, from_input) in on(path).iter().zip(&on("-")) {
            let file = tracer(from_file);
            let piped = tracer_with(from_input, &input);
            assert_eq!(stdout(&piped), stdout(&file), "{from_file:?}");
            assert_eq!(
                (status(&piped), stderr(&piped)),
                (status(&file), stderr(&file)),
                "{from_file:?}"
            );
        }
        let diff = tracer_with(&["diff", path, "-"], &input);
        assert!(stdout(&diff).ends_with("No difference.\n"), "{}", stdout(&diff));
    }
}

#[test]
fn addresses_are_hidden_unless_asked_for() {
    let json = stdout(&report("c01", &["--format", "json"]));
    let with = json.replacen("\"address\": null", "\"address\": \"0xffff888004210000\"", 1);
    let hidden = stdout(&tracer_with(&["report", "-", "--format", "json"], with.as_bytes()));
    assert!(!hidden.contains("ffff8880") && hidden.contains("\"address\": \"lock-1\""));
    let raw = stdout(&tracer_with(
        &["report", "-", "--format", "json", "--raw-addresses"],
        with.as_bytes(),
    ));
    assert_eq!(raw, with);
}

#[test]
fn color_only_when_asked_for_or_on_a_terminal() {
    let (a, b) = (case("c01"), case("c01-fixed"));
    let (a, b) = (a.to_str().expect("UTF-8"), b.to_str().expect("UTF-8"));
    for args in [&["report", a][..], &["diff", a, b], &["explain", "certain"]] {
        let shown = |color: &[&str], variables: &[(&str, &str)]| {
            let output = program()
                .args(args)
                .args(color)
                .envs(variables.iter().copied())
                .output()
                .expect("tracer runs");
            stdout(&output)
        };
        let plain = shown(&[], &[]);
        assert!(!plain.contains('\x1b'), "{args:?}");
        assert_eq!(shown(&["--color", "never"], &[]), plain);
        assert_eq!(shown(&["--color", "auto"], &[]), plain);
        let coloured = shown(&["--color", "always"], &[]);
        assert!(coloured.contains('\x1b'), "{args:?}");
        // What is on the command line goes before what is in the environment.
        assert_eq!(shown(&["--color", "always"], &[("NO_COLOR", "1")]), coloured);
        assert_eq!(shown(&[], &[("NO_COLOR", "1")]), plain);
    }
}

#[test]
fn notes_are_hidden_and_counted() {
    let hidden = stdout(&report("c17", &[]));
    assert!(
        hidden.contains("2 notes hidden; --notes shows them") && !hidden.contains("guarded by"),
        "{hidden}"
    );
    let shown = stdout(&report("c17", &["--notes"]));
    assert!(
        shown.contains("guarded by rtnl_mutex") && !shown.contains("hidden"),
        "{shown}"
    );
}
