//! Text traces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import::{Source, text_trace};

fuzz_target!(|input: &[u8]| {
    if let Ok((model, context)) = text_trace::read("fuzz", input) {
        tracer_fuzz::check(Source::Events(Box::new(model), Box::new(context)));
    }
});
