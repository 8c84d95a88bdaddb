//! What must hold of a report, whatever file it is of: nothing panics, and its JSON is the same document when it is read again.

use tracer::analysis::diff::diff;
use tracer::analysis::rules::{self, RuleSet};
use tracer::analysis::snapshot::{Capture, Kernel, Snapshot};
use tracer::import::{Source, json as import_json};
use tracer::recording::{Header, frame};
use tracer::report::{json, text};
use tracer::trace::setup::Setup;
use tracer_common::offset::Offsets;

/// Everything that `tracer report` and `tracer diff` do with what was read.
pub fn check(source: Source) {
    let Ok(mut snapshot) = source.judge(false, &[]) else {
        panic!("nothing was left out, so nothing can be unknown");
    };
    let mut built_in = RuleSet::default();
    built_in.add_built_in().expect("the built-in rules are right");
    rules::apply(&mut snapshot, &built_in);
    show(&snapshot);
    let difference = diff(&snapshot, &snapshot);
    let (dependencies, findings) = (&difference.dependencies, &difference.findings);
    assert!(dependencies.new.is_empty() && dependencies.gone.is_empty() && dependencies.changed.is_empty());
    assert!(findings.new.is_empty() && findings.gone.is_empty() && findings.changed.is_empty());
    let as_lockdep = Source::Report(Box::new(snapshot)).judge(true, &[]);
    show(&as_lockdep.expect("nothing was left out"));
}

/// Both forms of a report.
pub fn show(snapshot: &Snapshot) {
    let options = text::Options {
        notes: true,
        allowed: true,
        ..text::Options::default()
    };
    let shown = text::render(snapshot, options);
    assert!(!shown.contains('\u{1b}'), "what steers a terminal is shown");
    let document = json::render(snapshot).expect("a report is JSON");
    let again = import_json::read("again", document.as_bytes()).expect("a report can be read");
    assert_eq!(json::render(&again).expect("a report is JSON"), document);
}

/// The beginning of a recording.
pub fn recording() -> Vec<u8> {
    let setup = Setup {
        kernel: Kernel::default(),
        capture: Capture::default(),
        offsets: Offsets::resolve(|_, member| Some(i64::from(member.len() as u8))),
        functions: vec![0xffff_ffff_8100_0000],
        start_ns: 0,
        only: Vec::new(),
        exclude: Vec::new(),
    };
    let mut bytes = frame::prefix().to_vec();
    let header = serde_json::to_vec(&Header::new(&setup)).expect("a header is JSON");
    frame::write(frame::Kind::HEADER, &header, &mut bytes).expect("a header is a frame");
    bytes
}
