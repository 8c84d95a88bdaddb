//! Whether a hold is believed: by what the lock's own words said when the chain was sent.
//!
//! A release can be missed: it happened before tracing began, in a function that is not hooked, in another task, or while the BPF runtime
//! skipped a program. Such a hold must never make a dependency.

use tracer_common::{
    offset::Offsets,
    wire::{PROOF_WORDS, Proof, info},
};

/// What the lock says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// The lock's words agree.
    Confirmed,
    /// They deny it.
    Denied,
    /// This kernel does not show them.
    Unknown,
}

/// The low bits of an owner word are flags (`MUTEX_FLAGS` in `kernel/locking/mutex.h`, `RWSEM_READER_OWNED` and `RWSEM_NONSPINNABLE` in `kernel/locking/rwsem.c`).
const OWNER_FLAGS: u64 = 7;
/// `RWSEM_READER_OWNED`, the same file.
const READER_OWNED: u64 = 1;
/// `RWSEM_WRITER_LOCKED`, `kernel/locking/rwsem.c` (5.3+).
const WRITER_LOCKED: u64 = 1;
/// `RWSEM_READER_SHIFT`, `kernel/locking/rwsem.c` (5.3+); the topmost bit is a guard.
const READER_SHIFT: u32 = 8;

/// Judges a hold of `task` with these bits.
///
/// An exclusive hold is confirmed by the owner word. For a shared one a lock only tells how many readers it has, so a hold is denied when there is none,
/// and otherwise taken from the held stack.
pub fn of(bits: u64, proof: &Proof, task: u64, offsets: &Offsets) -> Belief {
    let word = |offset: i64, index: usize| (offset >= 0).then(|| proof.words.get(index).copied()).flatten();
    let place = |offset: i64| usize::try_from(offset).map_or(PROOF_WORDS, |offset| offset / size_of::<u64>());
    let is_owner = |word: u64| word & !OWNER_FLAGS == task;
    // The words of a rwsem are its first ones; those of all others begin with the one that tells.
    let confirmed = match (bits & info::KIND, bits & info::SHARED != 0) {
        (info::MUTEX | info::WW_MUTEX, _) => word(offsets.mutex_owner, 0).map(is_owner),
        (info::RT_MUTEX, _) => word(offsets.rt_mutex_owner, 0).map(is_owner),
        // A reader leaves its name, too, even when it is gone.
        (info::RWSEM, false) => {
            word(offsets.rwsem_owner, place(offsets.rwsem_owner)).map(|word| word & READER_OWNED == 0 && is_owner(word))
        }
        (info::RWSEM, true) => word(offsets.rwsem_count, place(offsets.rwsem_count)).map(has_readers),
        // An `atomic_t`: a writer has it or waits for it.
        (info::PERCPU_RWSEM, false) => word(offsets.percpu_block, 0).map(|block| block as u32 != 0),
        // Who gave it back is not told; but while one can be had, nobody keeps others out.
        (info::SEMAPHORE, _) => word(offsets.semaphore_count, 0).map(|count| count as u32 == 0),
        _ => None,
    };
    match confirmed {
        None => Belief::Unknown,
        Some(true) => Belief::Confirmed,
        Some(false) => Belief::Denied,
    }
}

fn has_readers(count: u64) -> bool {
    count & WRITER_LOCKED == 0 && (count << 1) >> 1 >> READER_SHIFT > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: u64 = 0xffff_8880_0123_4540;
    const KNOWN: Offsets = Offsets {
        mutex_owner: 0,
        rwsem_owner: 8,
        rwsem_count: 0,
        ..Offsets::NONE
    };

    fn judge(bits: u64, owner: u64, count: u64) -> Belief {
        let words = if bits & info::KIND == info::RWSEM {
            [count, owner]
        } else {
            [owner, 0]
        };
        of(bits, &Proof { words }, TASK, &KNOWN)
    }

    #[test]
    fn an_owner_confirms_whatever_its_flags() {
        assert_eq!(judge(info::MUTEX, TASK, 0), Belief::Confirmed);
        assert_eq!(judge(info::MUTEX, TASK | 3, 0), Belief::Confirmed);
        assert_eq!(judge(info::RWSEM, TASK, 1), Belief::Confirmed);
    }

    #[test]
    fn another_owner_or_none_denies() {
        assert_eq!(judge(info::MUTEX, TASK + 0x40, 0), Belief::Denied);
        assert_eq!(judge(info::MUTEX, 0, 0), Belief::Denied);
        assert_eq!(judge(info::RWSEM, TASK + 0x40, 1), Belief::Denied);
        assert_eq!(judge(info::RWSEM, TASK | 1, 0x100), Belief::Denied);
    }

    #[test]
    fn readers_confirm_and_a_writer_denies() {
        let shared = info::RWSEM | info::SHARED;
        assert_eq!(judge(shared, TASK | 1, 0x100), Belief::Confirmed);
        assert_eq!(judge(shared, (TASK + 0x40) | 1, 0x206), Belief::Confirmed);
        assert_eq!(judge(shared, TASK | 1, 0), Belief::Denied);
        assert_eq!(judge(shared, TASK, 1), Belief::Denied);
        assert_eq!(judge(shared, TASK, 1 << 63), Belief::Denied);
    }

    #[test]
    fn a_semaphore_that_can_be_had_and_a_percpu_rwsem_without_writer_deny() {
        let known = Offsets {
            semaphore_count: 4,
            percpu_block: 96,
            ..Offsets::NONE
        };
        let judge = |bits: u64, word: u64| of(bits, &Proof { words: [word, 0] }, TASK, &known);
        assert_eq!(judge(info::SEMAPHORE, 0), Belief::Confirmed);
        assert_eq!(judge(info::SEMAPHORE, 1), Belief::Denied);
        assert_eq!(judge(info::PERCPU_RWSEM, 1), Belief::Confirmed);
        assert_eq!(judge(info::PERCPU_RWSEM, 0), Belief::Denied);
    }

    #[test]
    fn without_offsets_nothing_is_known() {
        let proof = Proof { words: [TASK, 0] };
        assert_eq!(of(info::MUTEX, &proof, TASK, &Offsets::NONE), Belief::Unknown);
        assert_eq!(
            of(info::RWSEM | info::SHARED, &proof, TASK, &Offsets::NONE),
            Belief::Unknown
        );
    }
}
