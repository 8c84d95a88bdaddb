//! What `--without` is given, about a trace: the first line is the one, the rest the other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import;

fuzz_target!(|input: &str| {
    let (without, trace) = input.split_once('\n').unwrap_or((input, ""));
    if let Ok(source) = import::load_from("fuzz", trace.as_bytes())
        && let Ok(snapshot) = source.judge(false, &[without.to_string()])
    {
        tracer_fuzz::show(&snapshot);
    }
});
