//! `/proc/lockdep`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import::{Source, proc_lockdep};

fuzz_target!(|input: &[u8]| {
    if let Ok((model, context)) = proc_lockdep::read("fuzz", input) {
        tracer_fuzz::check(Source::Events(Box::new(model), Box::new(context)));
    }
});
