//! Rule files, applied to the founding case.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tracer::analysis::rules::{self, RuleSet};
use tracer::analysis::snapshot::Snapshot;
use tracer::import;

static FOUNDING: LazyLock<Snapshot> = LazyLock::new(|| {
    let trace = include_bytes!("../../tracer/tests/cases/c01.std");
    import::read_from("c01.std", &trace[..]).expect("a trace")
});

fuzz_target!(|input: &str| {
    let mut rules = RuleSet::default();
    if rules.add("fuzz", input).is_ok() {
        let mut snapshot = FOUNDING.clone();
        rules::apply(&mut snapshot, &rules);
        tracer_fuzz::show(&snapshot);
        assert!(rules.unused(&snapshot).count() <= input.len());
    }
});
