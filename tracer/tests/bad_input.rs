//! Files that cannot be read: whoever reads them ends with 2, prints nothing, and tells which file and where in it.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::fs;
use std::path::Path;

use support::fixture;
use support::program::tracer;

/// The message about a file, which is the same whoever reads it.
fn message(path: &str) -> String {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/c01.std");
    let good = good.to_str().expect("UTF-8");
    let readers = [
        &["report", path][..],
        &["report", path, "--format", "json"],
        &["diff", path, good],
        &["diff", good, path],
        &["explain", "1", path],
    ];
    let mut messages: Vec<_> = readers
        .into_iter()
        .map(|args| {
            let output = tracer(args);
            let stderr = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
            assert!(output.stdout.is_empty(), "{args:?}");
            stderr
        })
        .collect();
    messages.dedup();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// The founding recording.
fn recording() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/founding-6.12-v1.rec");
    fs::read(path).expect("a recording")
}

/// The first part of a text, up to where it is cut.
fn cut(text: &str, length: usize) -> Vec<u8> {
    text.as_bytes()[..length].to_vec()
}

#[test]
fn the_message_names_the_file_and_the_place() {
    let report = fixture("reports/founding-6.12.json");
    let splat = fixture("splats/founding-6.12.txt");
    let mut newer = recording();
    newer[8..10].copy_from_slice(&2_u16.to_le_bytes());
    let sum = crc32fast::hash(&newer[..12]);
    newer[12..16].copy_from_slice(&sum.to_le_bytes());
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes, expected) in [
        ("empty", Vec::new(), ": is empty\n"),
        ("prose", b"hello\n".to_vec(), ":1: "),
        (
            "trace",
            b"T1|acq(A)|1\n# fine\nT1|grab(B)|2\n".to_vec(),
            ":3: no such operation: grab: `T1|grab(B)|2`\n",
        ),
        ("cut-trace", b"T1|acq(A)|1\nT1|acq(".to_vec(), ":2: "),
        ("cut-report", cut(&report, 3000), ":103: broken JSON: "),
        (
            "newer-report",
            b"{\n\"schema_version\": \"2.0\"}".to_vec(),
            ": schema version 2.0",
        ),
        ("cut-splat", cut(&splat, 1500), ":43: not a whole line of a stack: "),
        (
            "cut-recording",
            recording()[..10].to_vec(),
            ": this recording is damaged in its header",
        ),
        (
            "newer-recording",
            newer,
            ": is a recording of format 2.0, and this tracer reads 1.x",
        ),
        ("no-text", b"\xff\xfe|\n".to_vec(), ":1: "),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        let path = path.to_str().expect("UTF-8");
        let message = message(path);
        let begins = format!("tracer: {path}{expected}");
        assert!(message.starts_with(&begins), "{begins}\n{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("UTF-8");
    assert_eq!(
        message(folder),
        format!("tracer: {folder}: Is a directory (os error 21)\n")
    );
    let missing = format!("{folder}/missing");
    assert_eq!(
        message(&missing),
        format!("tracer: {missing}: No such file or directory (os error 2)\n")
    );
    // Opens, and cannot be read at 0, whoever one is: root may read a file of mode 000.
    assert_eq!(
        message("/proc/self/mem"),
        "tracer: /proc/self/mem: Input/output error (os error 5)\n"
    );
}

#[test]
fn a_recording_that_is_cut_off_is_reported_with_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut.rec");
    fs::write(&path, &recording()[..40_000]).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let warned =
        format!("tracer: {path}: it is cut off: its last 12170 bytes, from offset 27830 on, are no whole frame\n");
    let report = tracer(&["report", path, "--fail-on", "never", "--strict"]);
    assert_eq!(report.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&report.stderr).starts_with(&warned));
    let verified = tracer(&["report", "--verify", path]);
    assert_eq!(verified.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&verified.stderr).starts_with(&warned));
}
