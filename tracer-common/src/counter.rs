//! What the program counts: one row of counters per probe and CPU.

use crate::probe::MAX_PROBES;

/// What is counted on one CPU: a row for each probe, and a last one for what no probe is known of.
pub type Cells = [u64; (MAX_PROBES + 1) * COUNTERS];

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $loss:literal;)+) => {
        /// What the program counts, per CPU.
        #[repr(u32)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter {
            $($(#[$doc])* $name,)+
        }

        /// How many there are: the width of a probe's row.
        pub const COUNTERS: usize = [$($text),+].len();

        impl Counter {
            /// Every counter with its name in reports, and whether it means that something was lost.
            pub const ALL: [(Self, &'static str, bool); COUNTERS] = [$((Self::$name, $text, $loss),)+];

            /// Which of the [`Cells`] it has for a probe, or for none at [`MAX_PROBES`].
            pub const fn cell(self, probe: usize) -> usize {
                probe * COUNTERS + self as usize
            }

            /// The name in reports.
            pub const fn name(self) -> &'static str {
                Self::ALL[self as usize].1
            }
        }
    };
}

counters! {
    /// Records sent.
    Sent = "records_sent", false;
    /// The ring was full; a chain that was not sent is sent when it is seen again.
    RingFull = "ring_full", true;
    /// More tasks than the map of held stacks has room for.
    TasksFull = "tasks_full", true;
    /// A task held more than [`MAX_HELD`](crate::wire::MAX_HELD) locks.
    HeldOverflow = "held_overflow", true;
    /// More chains than the map of chains has room for.
    ChainsFull = "chains_full", true;
    /// More devlink instances than the map of their names has room for.
    DevlinksFull = "devlinks_full", true;
    /// More names of locks than the map of names has room for.
    NamesFull = "names_full", true;
    /// A lock was taken by what interrupted the program while it put a record together: that request was not told.
    Interrupted = "interrupted", true;
    /// A chain with other objects than the first of its path, which stand for it: it is known by its classes only.
    ObjectsByClass = "objects_by_class", true;
    /// Kernel memory could not be read.
    ReadFailed = "read_failed", true;
    /// A lock was released that the task was not seen to take: taken before the start, by another task or through a function not hooked.
    UnmatchedRelease = "unmatched_release", false;
    /// A hold was found that the lock's owner word denies: its release was missed, or another task released it.
    StaleHold = "stale_hold", false;
    /// A lock was initialised while the task that did it held it.
    InitHeld = "init_of_a_held_lock", false;
    /// The return address into the caller was not where the trampoline keeps it.
    SiteUnknown = "site_unknown", false;
    /// A program was skipped because another task was preempted in it, and its stand-in did the work.
    StoodIn = "stood_in", false;
    /// Of a call only one end was seen (backend `kprobe`): what it did is not told.
    CallHalfSeen = "calls_half_seen", true;
    /// More locks and places than the maps of how long they were waited for and held have room for.
    DurationsFull = "durations_full", true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_in_the_order_of_the_map() {
        for (index, (counter, _, _)) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, index);
        }
    }
}
