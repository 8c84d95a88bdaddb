//! Whether a hold is believed: by what the lock's own words said when the chain was sent.
//!
//! A release can be missed: it happened before tracing began, in a function that is not hooked, in another task, or while the BPF runtime
//! skipped a program (from 5.12 on, where a program of the same function was preempted: `__bpf_prog_enter_recur()` in kernel/bpf/trampoline.c) and its stand-in, if it
//! has one. Such a hold must never make a dependency.
//!
//! Most locks name who has them. Of those that do not, a hold that the lock allows is believed as long as no release can have been missed since it
//! was taken: `Epochs`.

use tracer_common::{
    offset::Offsets,
    wire::{PROOF_WORDS, Proof, info},
};

/// What the lock says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belief {
    /// The lock names the task.
    Confirmed,
    /// The lock is held, by whom it does not say.
    Plausible,
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
/// An exclusive hold is confirmed by the owner word. For a shared one a lock only tells how many readers it has, and for a semaphore that it cannot be
/// had: a hold is denied when there is none, and plausible otherwise.
pub fn of(bits: u64, proof: &Proof, task: u64, offsets: &Offsets) -> Belief {
    let word = |offset: i64, index: usize| word(proof, offset, index);
    let owned = |word: u64| told(word & !OWNER_FLAGS == task, Belief::Confirmed);
    // The words of a rwsem are its first ones; those of all others begin with the one that tells.
    let belief = match (bits & info::KIND, bits & info::SHARED != 0) {
        (info::MUTEX | info::WW_MUTEX, _) => word(offsets.mutex_owner, 0).map(owned),
        (info::RT_MUTEX, _) => word(offsets.rt_mutex_owner, 0).map(owned),
        // A reader leaves its name, too, even when it is gone.
        (info::RWSEM, false) => word(offsets.rwsem_owner, place(offsets.rwsem_owner)).map(|word| {
            if word & READER_OWNED == 0 {
                owned(word)
            } else {
                Belief::Denied
            }
        }),
        (info::RWSEM, true) => word(offsets.rwsem_count, place(offsets.rwsem_count))
            .map(|count| told(has_readers(count), Belief::Plausible)),
        // An `atomic_t`: a writer has it or waits for it.
        (info::PERCPU_RWSEM, false) => {
            word(offsets.percpu_block, 0).map(|block| told(block as u32 != 0, Belief::Plausible))
        }
        // Who gave it back is not told; but while one can be had, nobody keeps others out.
        (info::SEMAPHORE, _) => {
            word(offsets.semaphore_count, 0).map(|count| told(count as u32 == 0, Belief::Plausible))
        }
        _ => None,
    };
    belief.unwrap_or(Belief::Unknown)
}

/// The task that a lock says has it exclusively: the address of its `task_struct`; none when the lock does not tell.
pub(super) fn owner(bits: u64, proof: &Proof, offsets: &Offsets) -> Option<u64> {
    let word = match bits & info::KIND {
        info::MUTEX | info::WW_MUTEX => word(proof, offsets.mutex_owner, 0),
        info::RT_MUTEX => word(proof, offsets.rt_mutex_owner, 0),
        info::RWSEM => {
            word(proof, offsets.rwsem_owner, place(offsets.rwsem_owner)).filter(|word| word & READER_OWNED == 0)
        }
        _ => None,
    };
    word.map(|word| word & !OWNER_FLAGS).filter(|&owner| owner != 0)
}

/// A word of a proof, where this kernel has the member that it is.
fn word(proof: &Proof, offset: i64, index: usize) -> Option<u64> {
    (offset >= 0).then(|| proof.words.get(index).copied()).flatten()
}

/// Which of the first words of a lock a member is.
fn place(offset: i64) -> usize {
    usize::try_from(offset).map_or(PROOF_WORDS, |offset| offset / size_of::<u64>())
}

fn told(agrees: bool, belief: Belief) -> Belief {
    if agrees { belief } else { Belief::Denied }
}

fn has_readers(count: u64) -> bool {
    count & WRITER_LOCKED == 0 && (count << 1) >> 1 >> READER_SHIFT > 0
}

/// Releases that were missed, by the epochs in which locks were taken.
///
/// An epoch begins with a number of missed releases, which is read before the epoch is told to the program. A hold of that epoch was taken later
/// still: when no more have been missed by the time its record is decoded, its own release was not. So only holds of the epoch that goes on are believed.
///
/// A release that was skipped counts as missed until a stand-in has done its work. While that is under way it could make up for one that is missed later, so no
/// epoch begins before the number is settled. In one that began so the number is never lower than what was missed: whenever it is that of the begin, none was.
#[derive(Debug)]
pub(super) struct Epochs {
    /// The one that goes on.
    current: u64,
    /// Missed when it began; nothing when that was lost.
    missed: Option<u64>,
    /// As many are missed now.
    is_whole: bool,
}

impl Epochs {
    /// The first, before which nothing can have been missed.
    pub(super) fn new() -> Self {
        Self {
            current: 0,
            missed: Some(0),
            is_whole: true,
        }
    }

    /// Takes note of how many releases were missed so far, and whether that is settled; the number of the epoch that begins when these are not as many as before.
    pub(super) fn missed(&mut self, missed: u64, is_settled: bool) -> Option<u64> {
        self.is_whole = self.would_be_whole(missed);
        // The last one goes on for ever.
        if self.is_whole || !is_settled || self.count() == info::EPOCHS {
            return None;
        }
        self.current += 1;
        self.missed = Some(missed);
        self.is_whole = true;
        Some(self.current)
    }

    /// Whether none was missed in the epoch that goes on when so many were in all.
    pub(super) fn would_be_whole(&self, missed: u64) -> bool {
        self.missed == Some(missed)
    }

    /// How many have begun.
    pub(super) fn count(&self) -> u64 {
        self.current + 1
    }

    /// So many had begun: of those that a recording has lost nothing is known, and no hold of them is believed.
    pub(super) fn begin_lost(&mut self, count: u64) {
        let count = count.min(info::EPOCHS);
        if count > self.count() {
            self.current = count - 1;
            self.missed = None;
            self.is_whole = false;
        }
    }

    /// Whether no release was missed since a hold with these bits was taken.
    pub(super) fn is_whole(&self, bits: u64) -> bool {
        self.is_whole && info::epoch(bits) == self.current
    }
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
    fn readers_are_plausible_and_a_writer_denies() {
        let shared = info::RWSEM | info::SHARED;
        assert_eq!(judge(shared, TASK | 1, 0x100), Belief::Plausible);
        assert_eq!(judge(shared, (TASK + 0x40) | 1, 0x206), Belief::Plausible);
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
        assert_eq!(judge(info::SEMAPHORE, 0), Belief::Plausible);
        assert_eq!(judge(info::SEMAPHORE, 1), Belief::Denied);
        assert_eq!(judge(info::PERCPU_RWSEM, 1), Belief::Plausible);
        assert_eq!(judge(info::PERCPU_RWSEM, 0), Belief::Denied);
    }

    #[test]
    fn a_hold_is_whole_until_a_release_is_missed() {
        let mut epochs = Epochs::new();
        let of = |epoch: u64| epoch << info::EPOCH_SHIFT | 1 << info::SEQUENCE_SHIFT;
        assert!(epochs.is_whole(of(0)));
        assert_eq!(epochs.missed(0, true), None);
        assert_eq!(epochs.missed(3, true), Some(1));
        assert!(!epochs.is_whole(of(0)) && epochs.is_whole(of(1)));
        assert_eq!(epochs.missed(3, true), None);
        assert_eq!(epochs.missed(4, true), Some(2));
        assert!(!epochs.is_whole(of(1)) && epochs.is_whole(of(2)));
        assert!(!epochs.is_whole(of(3)), "an epoch that was never begun");
    }

    #[test]
    fn no_epoch_begins_while_a_stand_in_may_be_at_work() {
        let mut epochs = Epochs::new();
        let of = |epoch: u64| epoch << info::EPOCH_SHIFT;
        assert_eq!(epochs.missed(1, false), None);
        assert!(!epochs.is_whole(of(0)), "it may be missed");
        assert_eq!(epochs.missed(0, false), None);
        assert!(epochs.is_whole(of(0)), "as many were skipped as were made up for");
        // Two are skipped, and one of them is missed.
        assert_eq!((epochs.missed(2, false), epochs.missed(1, false)), (None, None));
        assert!(!epochs.is_whole(of(0)));
        assert_eq!(epochs.missed(1, true), Some(1));
        assert!(epochs.is_whole(of(1)) && !epochs.is_whole(of(0)));
    }

    #[test]
    fn the_last_epoch_is_not_believed_once_a_release_was_missed() {
        let mut epochs = Epochs::new();
        let last = info::EPOCHS - 1;
        assert_eq!(
            (1..=last).filter_map(|missed| epochs.missed(missed, true)).last(),
            Some(last)
        );
        assert!(epochs.is_whole(last << info::EPOCH_SHIFT));
        assert_eq!(epochs.missed(last + 1, true), None);
        assert!(!epochs.is_whole(last << info::EPOCH_SHIFT));
    }

    #[test]
    fn holds_of_epochs_that_were_lost_are_not_believed() {
        let mut epochs = Epochs::new();
        let of = |epoch: u64| epoch << info::EPOCH_SHIFT;
        epochs.begin_lost(2);
        assert_eq!((epochs.missed(5, true), epochs.count()), (Some(2), 3));
        assert!(!epochs.is_whole(of(0)) && !epochs.is_whole(of(1)) && epochs.is_whole(of(2)));
        epochs.begin_lost(1);
        assert_eq!(epochs.count(), 3, "none ends");
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
