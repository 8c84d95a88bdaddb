//! Recordings: as they are, and with frames whose checksums are right although their content is not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::import::Source;
use tracer::recording::{frame, frame::Kind, replay, verify};

fuzz_target!(|input: &[u8]| {
    let _ = verify(input);
    if let Ok(replay) = replay(input) {
        tracer_fuzz::check(Source::Recording(Box::new(replay)));
    }
    // A byte each for the kind and the length of a frame's payload.
    let (mut framed, mut rest) = (tracer_fuzz::recording(), input);
    while let [kind, length, more @ ..] = rest {
        let (payload, more) = more.split_at(more.len().min(usize::from(*length)));
        if frame::write(Kind(u16::from(kind % 6)), payload, &mut framed).is_err() {
            break;
        }
        rest = more;
    }
    if let Ok(replay) = replay(&framed[..]) {
        tracer_fuzz::check(Source::Recording(Box::new(replay)));
    }
});
