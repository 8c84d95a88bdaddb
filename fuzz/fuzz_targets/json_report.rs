//! JSON reports, of tracer or of somebody else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import::{Source, json};

fuzz_target!(|input: &[u8]| {
    if let Ok(snapshot) = json::read("fuzz", input) {
        tracer_fuzz::check(Source::Report(Box::new(snapshot)));
    }
});
