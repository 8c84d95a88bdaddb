//! Kernel logs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import::{Source, splat};

fuzz_target!(|input: &[u8]| {
    if let Ok((model, context)) = splat::read("fuzz", input) {
        tracer_fuzz::check(Source::Events(Box::new(model), Box::new(context)));
    }
});
