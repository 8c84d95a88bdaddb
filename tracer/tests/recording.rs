//! Recordings that earlier versions wrote are read as they were then, and the command line says what is in one.

#![allow(clippy::expect_used, reason = "a test ends at what it did not expect")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use support::program::program;

/// The founding deadlock on Linux 6.12, recorded by `lab run recording`, and the report that was made of it live.
const FOUNDING: &str = "founding-6.12-v1";

/// The same by each version whose recordings may be around.
const VERSIONS: [&str; 3] = [FOUNDING, "founding-6.12-v1.2", TIMES];

/// With how long locks were held and waited for (`--hold-times`), of which a contended file position is one.
const TIMES: &str = "founding-6.12-v1.3";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings")
        .join(name)
}

fn tracer(arguments: &[&str], input: Stdio) -> Output {
    let mut command = program();
    let command = command.args(arguments).stdin(input);
    command.output().expect("tracer runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The report of a recording as JSON.
fn json(path: &str, more: &[&str]) -> Output {
    let arguments = [&["report", path, "--format", "json", "--fail-on", "never"], more].concat();
    tracer(&arguments, Stdio::null())
}

#[test]
fn the_founding_recordings_are_the_reports_that_were_made_live() {
    VERSIONS.into_iter().for_each(is_the_report_that_was_made_live);
}

fn is_the_report_that_was_made_live(recorded: &str) {
    let recording = file(&format!("{recorded}.rec"));
    let report = json(&recording.display().to_string(), &[]);
    assert!(
        report.status.success() && report.stderr.is_empty(),
        "{}",
        text(&report.stderr)
    );
    let packed = fs::File::open(file(&format!("{recorded}.json.zst"))).expect("the live report");
    let live = zstd::decode_all(packed).expect("zstd");
    let live: serde_json::Value = serde_json::from_slice(&live).expect("JSON");
    let mut now: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    // Later versions may tell more, and say who they are.
    for field in ["schema_version", "tool"] {
        now[field] = live[field].clone();
    }
    assert_is_in(&live, &now, "");
}

#[test]
fn how_long_locks_were_waited_for_and_held_is_recorded() {
    let report = json(&file(&format!("{TIMES}.rec")).display().to_string(), &[]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let locks = report["locks"].as_array().expect("locks");
    let position = locks
        .iter()
        .find(|lock| lock["name"] == "&f->f_pos_lock")
        .expect("a lock");
    assert_eq!(position["waited"]["max_ns"], 2_557_273_786_u64);
    assert_eq!(position["held_for"]["count"], 2);
    assert_eq!(position["held_for"]["total_ns"], 5_673_626_171_u64);
    let place = &report["contention"][0];
    assert_eq!(
        (&place["lock"], &place["waited"]),
        (&position["id"], &position["waited"])
    );
    assert!(place["stack"].to_string().contains("fdget_pos"), "{place}");
}

/// Everything that was told then is told now.
fn assert_is_in(then: &serde_json::Value, now: &serde_json::Value, at: &str) {
    use serde_json::Value::{Array, Object};
    match (then, now) {
        (Object(then), Object(now)) => {
            for (key, value) in then {
                let now = now.get(key).unwrap_or(&serde_json::Value::Null);
                assert_is_in(value, now, &format!("{at}.{key}"));
            }
        }
        (Array(then), Array(now)) => {
            assert_eq!(then.len(), now.len(), "{at}");
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                assert_is_in(then, now, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(then, now, "{at}"),
    }
}

#[test]
fn a_recording_is_judged_in_every_way_that_a_trace_is() {
    let recording = file(&format!("{FOUNDING}.rec")).display().to_string();
    let plain = text(&json(&recording, &[]).stdout);
    assert!(
        plain.contains("pernet_ops_rwsem") && !plain.contains("0xffff"),
        "no address is shown"
    );
    let raw = text(&json(&recording, &["--raw-addresses"]).stdout);
    assert!(raw.contains("\"address\": \"0xffff"));
    let lockdep = tracer(&["report", &recording, "--lockdep"], Stdio::null());
    assert_eq!(lockdep.status.code(), Some(1));
    let without = json(&recording, &["--without", "pernet_ops_rwsem"]);
    assert!(without.status.success() && !text(&without.stdout).contains("\"certain\""));
    let input = fs::File::open(&recording).expect("the recording");
    let piped = tracer(&["report", "-", "--format", "json", "--fail-on", "never"], input.into());
    assert_eq!(text(&piped.stdout), plain);
    let diff = tracer(&["diff", &recording, &recording], Stdio::null());
    assert_eq!(diff.status.code(), Some(0), "{}", text(&diff.stderr));
}

#[test]
fn verify_tells_what_is_in_it_and_what_is_damaged() {
    let recording = file(&format!("{FOUNDING}.rec"));
    let whole = tracer(&["report", "--verify", &recording.display().to_string()], Stdio::null());
    assert_eq!(
        (whole.status.code(), whole.stderr.len()),
        (Some(0), 0),
        "{}",
        text(&whole.stderr)
    );
    let told = text(&whole.stdout);
    for line in ["format      1.0", "state       whole", "backend     fentry", "6.12."] {
        assert!(told.contains(line), "{told}");
    }

    let mut damaged = tempfile::NamedTempFile::new().expect("a file");
    let mut bytes = fs::read(&recording).expect("the recording");
    let place = bytes.len() * 3 / 4;
    bytes[place] ^= 1;
    damaged.write_all(&bytes).expect("written");
    let path = damaged.path().display().to_string();
    let verified = tracer(&["report", "--verify", &path], Stdio::null());
    assert_eq!(verified.status.code(), Some(2));
    assert!(text(&verified.stdout).contains("state       damaged"));
    assert!(
        text(&verified.stderr).contains(" are damaged: what they told is missing"),
        "{}",
        text(&verified.stderr)
    );
    let report = json(&path, &[]);
    assert!(report.status.success() && text(&report.stderr).contains(" are damaged"));
    assert!(text(&report.stdout).contains("\"recording_damaged\": 1"));
    let strict = tracer(&["report", "--strict", "--fail-on", "never", &path], Stdio::null());
    assert_eq!(strict.status.code(), Some(4));

    let mut none = tempfile::NamedTempFile::new().expect("a file");
    none.write_all(b"T1|acq(A)|1\n").expect("written");
    let refused = tracer(
        &["report", "--verify", &none.path().display().to_string()],
        Stdio::null(),
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("is no recording of tracer"));
}

#[test]
fn another_major_version_is_refused() {
    let recording = file(&format!("{FOUNDING}.rec"));
    let other_version = tempfile::NamedTempFile::new().expect("a file");
    let path = other_version.path().display().to_string();
    for (major, other) in [(2_u16, "a newer one"), (0, "an older one")] {
        let mut bytes = fs::read(&recording).expect("the recording");
        bytes[8..10].copy_from_slice(&major.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&path, bytes).expect("written");
        for more in [&[][..], &["--verify"]] {
            let refused = tracer(&[&["report", &path], more].concat(), Stdio::null());
            assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
            let expected =
                format!("is a recording of format {major}.0, and this tracer reads 1.x: read it with {other}");
            assert!(text(&refused.stderr).contains(&expected), "{}", text(&refused.stderr));
        }
    }
}
