//! Whether a hold is believed: by what the lock's own words said when the chain was sent.
//!
//! A release can be missed: it happened before tracing began, in a function that is not hooked, in another task, or while the BPF runtime
//! skipped a program. Such a hold must never make a dependency.

use tracer_common::{
    offset::Offsets,
    wire::{Proof, info},
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
/// `RWSEM_WRITER_LOCKED`, `kernel/locking/rwsem.c` (5.3+).
const WRITER_LOCKED: u64 = 1;
/// `RWSEM_READER_SHIFT`, `kernel/locking/rwsem.c` (5.3+); the topmost bit is a guard.
const READER_SHIFT: u32 = 8;

/// Judges a hold of `task` with these bits.
///
/// An exclusive hold is confirmed by the owner word. For a shared one a lock only tells how many readers it has, so a hold is denied when there is none,
/// and otherwise taken from the held stack.
pub fn of(bits: u64, proof: &Proof, task: u64, offsets: &Offsets) -> Belief {
    let (offset, confirms): (i64, fn(u64, u64) -> bool) = if bits & info::SHARED != 0 {
        (offsets.rwsem_count, |count, _| has_readers(count))
    } else if bits & info::RWSEM != 0 {
        (offsets.rwsem_owner, |owner, task| owner & !OWNER_FLAGS == task)
    } else {
        (offsets.mutex_owner, |owner, task| owner & !OWNER_FLAGS == task)
    };
    match word(proof, offset) {
        None => Belief::Unknown,
        Some(word) if confirms(word, task) => Belief::Confirmed,
        Some(_) => Belief::Denied,
    }
}

/// The word at an offset within the lock; `None` when the kernel has no such member or it stands further behind than what was kept.
fn word(proof: &Proof, offset: i64) -> Option<u64> {
    proof
        .words
        .get(usize::try_from(offset).ok()? / size_of::<u64>())
        .copied()
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
        let words = if bits & info::RWSEM != 0 {
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
    fn without_offsets_nothing_is_known() {
        let proof = Proof { words: [TASK, 0] };
        assert_eq!(of(info::MUTEX, &proof, TASK, &Offsets::NONE), Belief::Unknown);
        assert_eq!(
            of(info::RWSEM | info::SHARED, &proof, TASK, &Offsets::NONE),
            Belief::Unknown
        );
    }
}
