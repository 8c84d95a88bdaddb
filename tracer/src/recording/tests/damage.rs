//! Recordings that are cut off or changed.

use proptest::prelude::*;

use super::{super::*, *};

#[test]
fn what_is_whole_of_a_recording_that_is_cut_off_anywhere_is_read() {
    let (bytes, _) = recorded();
    let ends = ends(&bytes);
    for end in 0..bytes.len() {
        let whole = ends.iter().filter(|&&frame| frame <= end).count().saturating_sub(1) as u64;
        match replay(&bytes[..end]) {
            Err(RecordingError::NoRecording) => assert!(end < 8),
            Err(RecordingError::NoHeader(_)) => assert_eq!(whole, 0),
            Err(error) => panic!("{error}"),
            Ok(Replay { mut trace, inventory }) => {
                assert_eq!(inventory.frames.values().sum::<u64>(), whole);
                assert_eq!(inventory.is_whole(), ends.contains(&end));
                let capture = trace.snapshot().capture;
                assert!(!capture.complete);
                assert_eq!(capture.lost.contains_key("recording_damaged"), !inventory.is_whole());
                assert!(!inventory.warnings().is_empty());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn flipped_bits_cost_their_frames_and_nothing_else(bits in proptest::collection::vec(any::<proptest::sample::Index>(), 1..6)) {
        thread_local!(static RECORDED: Vec<u8> = recorded().0);
        let bytes = RECORDED.with(Clone::clone);
        let ends = ends(&bytes);
        let mut flipped = bytes.clone();
        for bit in &bits {
            let bit = bit.index(bytes.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
        }
        let whole = ends.windows(2).filter(|frame| flipped[frame[0]..frame[1]] == bytes[frame[0]..frame[1]]).count() as u64;
        match replay(&flipped[..]) {
            Err(RecordingError::NoRecording) => prop_assert!(flipped[..8] != bytes[..8]),
            Err(RecordingError::NoHeader(_)) => prop_assert!(flipped[PREFIX..ends[1]] != bytes[PREFIX..ends[1]]),
            Err(error) => prop_assert!(false, "{}", error),
            Ok(Replay { mut trace, inventory }) => {
                prop_assert_eq!(inventory.frames.values().sum::<u64>(), whole);
                prop_assert_eq!(inventory.is_whole(), flipped == bytes);
                trace.snapshot();
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), frames in 0usize..3) {
        let (recorded, _) = recorded();
        let mut all = recorded[..ends(&recorded)[frames + 1]].to_vec();
        // A payload that is right, and whose content is not.
        frame::write(Kind::INPUTS, &bytes, &mut all).unwrap();
        frame::write(Kind::SYMBOLS, &bytes, &mut all).unwrap();
        if let Ok(Replay { mut trace, .. }) = replay(&all[..]) {
            trace.snapshot();
        }
        let _ = replay(&bytes[..]);
    }
}
