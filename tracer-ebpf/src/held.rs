//! A task's held stack: slots in order of acquisition with gaps, so that taking and releasing in any order is constant work.

use tracer_common::{
    hash::spread,
    wire::{Chain, MAX_HELD, Notifier, Origin, RECENT, Recent, STACK_DEPTH, Slot, Stalled, Wake, info},
};

use crate::slots::{bounded, each_slot};

/// One more than there can be locks: a number of slots then fits the mask that an index has.
pub const HELD_SLOTS: usize = MAX_HELD + 1;

/// Room for the fixed part of any record that tells what is held.
const FIXED: usize = size_of::<Wake>();

const _: () = assert!(FIXED >= size_of::<Chain>() && FIXED >= size_of::<Notifier>() && FIXED >= size_of::<Stalled>());

/// What one task holds. What is looked at for each lock comes first: where the size is that of two pages, it lies in one.
#[repr(C)]
pub struct Held {
    /// Address of the task whose this is, where that does not go without saying. First: what is behind it is cleared for a new one.
    #[cfg(feature = "newest")]
    pub owner: u64,
    /// Its stack, once that was found to be the task's: see `stack.rs`.
    #[cfg(feature = "newest")]
    pub own_stack: u64,
    /// The number of the place that this is.
    #[cfg(feature = "newest")]
    pub place: u64,
    /// Which task this is, so that nobody has to ask the kernel again.
    pub task: u64,
    /// Slots from here on are free.
    pub top: u64,
    /// How many locks are held.
    count: u64,
    /// Sum of the hashes of the held locks: the key of the set, whatever the order.
    pub sum: u64,
    /// Depth of the stack where the first of them was taken; 0 when nothing is held.
    pub base: u64,
    /// Acquisitions so far: their running number tells the order.
    pub sequence: u64,
    /// The reload window that the task is in, or 0.
    pub window: u64,
    /// What kind of window that is: part of every chain's key.
    pub window_kind: u64,
    /// Which word behind the context led into the hooked function last.
    pub frame_word: u64,
    /// The work item that the task runs and its queue, or zeroes.
    pub work: [u64; 2],
    /// A value that goes in here comes out as a number of which the verifier knows nothing.
    cell: u64,
    /// Hash of the lock in each slot: what it adds to `sum`.
    hashes: [u64; HELD_SLOTS],
    /// By which call the lock in each slot was taken.
    paths: [u64; HELD_SLOTS],
    /// The records that tell what is held are put together here and sent as they lie: in front of the slots their fixed part, behind the last used slot the stack.
    fixed: [u64; FIXED / 8],
    /// A slot is free when its lock is 0.
    pub slots: [Slot; HELD_SLOTS],
    /// Room for the stack when all slots are used.
    stack: [u64; STACK_DEPTH],
    /// Not 0 while a record is put together.
    pub busy: u64,
    /// The calls whose work was done last, by the stack that they are on, where programs have stand-ins.
    #[cfg(feature = "stand-in")]
    pub done: [u64; crate::stand_in::STACKS],
    /// Why the task is in the kernel.
    pub origin: Origin,
    /// Calls that have not returned yet.
    #[cfg(feature = "kprobe")]
    pub calls: [crate::call::probed::Noted; crate::call::probed::CALLS],
    /// Of a stack that is looked at.
    pub hash: u64,
    /// What it waits for that is no lock.
    pub wait: Wait,
    /// The node of the file of sysfs that it reads or writes, or 0; and the same once that is in use.
    pub file: [u64; 2],
    /// What it requested lately, each in the place behind the one before.
    pub recent: [Recent; RECENT],
    /// How many that were.
    pub requests: u64,
    /// The request that has to wait, as the kernel's tracepoints have it.
    pub contended: Contended,
    /// When the hold in each slot began, in ns, where that is asked for.
    since: [u64; HELD_SLOTS],
    /// Where the task was when all tasks were last looked at, and since when: see `stall.rs`.
    pub looked: Looked,
    /// The best that a search has found so far: in memory, so that the verifier forgets which.
    best: u64,
    /// Up to a size that is that of two pages.
    #[cfg(feature = "newest")]
    rest: [u64; 104],
}

#[cfg(feature = "newest")]
const _: () = assert!(size_of::<Held>() == tracer_common::setting::HELD_BYTES);

/// What a task waits for that is no lock.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Wait {
    /// What; 0 when it waits for nothing.
    pub object: u64,
    /// Bits of [`info`].
    pub info: u64,
    /// Key of the chain.
    pub chain: u64,
    /// The place of the call in the stack.
    pub depth: u64,
}

/// A request that has to wait.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Contended {
    /// Its running number; 0 when there is none.
    pub request: u64,
    /// Since when, in ns.
    pub since_ns: u64,
}

/// Where a task was found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Looked {
    /// Tells places apart by what is held and by the stack; 0 where it did not sleep, or held nothing.
    pub place: u64,
    /// When it was first found there, in ns.
    pub since_ns: u64,
}

/// How a lock was taken.
#[derive(Clone, Copy)]
pub struct Taken {
    /// By this chain, or one that stands for it.
    pub chain: u64,
    /// On this path.
    pub path: u64,
    /// At this depth of the stack.
    pub depth: u64,
}

/// In a rank of slots for a release: it is held in the mode that is released.
const RIGHT: u64 = 1 << 63;

#[inline(always)]
pub fn mix(hash: u64, value: u64) -> u64 {
    let mixed = spread(hash ^ value);
    mixed ^ mixed >> 29
}

/// 1, or 0 for 0: without a branch, of which the verifier would follow both sides.
#[inline(always)]
fn is_not_zero(value: u64) -> u64 {
    let mut sign = value | value.wrapping_neg();
    // SAFETY: changes only the register.
    unsafe { core::arch::asm!("{0} >>= 63", inout(reg) sign, options(pure, nomem, nostack)) };
    sign
}

/// Hash of one held lock.
#[inline(always)]
fn hash(lock: u64, info: u64, generation: u64) -> u64 {
    let mixed = spread(lock ^ (info & info::MASK) << 56 ^ generation.rotate_left(40));
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

impl Held {
    /// A number that the verifier knows nothing of.
    #[inline(always)]
    pub fn launder(&mut self, value: u64) -> u64 {
        let cell = &raw mut self.cell;
        // SAFETY: a valid field; volatile, so that the value really goes through memory.
        unsafe {
            core::ptr::write_volatile(cell, value);
            core::ptr::read_volatile(cell)
        }
    }

    /// Index of the first slot with this lock.
    #[inline(always)]
    pub fn find(&mut self, lock: u64) -> Option<u64> {
        let mut found = HELD_SLOTS as u64;
        each_slot(self.top, |place| {
            // SAFETY: `each_slot` gives places within the array.
            let is_it = unsafe { self.slots.get_unchecked(place) }.lock == lock;
            if is_it {
                found = place as u64;
            }
            !is_it
        });
        let place = self.launder(found);
        (place < HELD_SLOTS as u64).then_some(place)
    }

    /// Index of the slot with this lock in the mode of `info`, the one taken last; of one in another mode when there is none.
    #[inline(always)]
    pub fn find_mode(&mut self, lock: u64, info: u64) -> Option<u64> {
        // Nothing is held.
        if self.top == 0 {
            return None;
        }
        // What is released was mostly taken last.
        let last = self.top.wrapping_sub(1);
        let slot = self.slot(last);
        if slot.lock == lock && (slot.info ^ info) & info::SHARED == 0 {
            return Some(last);
        }
        let found = self.search_mode(lock, info);
        (found < HELD_SLOTS as u64).then_some(found)
    }

    /// As [`find_mode`](Self::find_mode), wherever it is; [`HELD_SLOTS`] when it is nowhere.
    #[inline(never)]
    fn search_mode(&mut self, lock: u64, info: u64) -> u64 {
        let best = &raw mut self.best;
        // SAFETY: a valid field; volatile, so that the value really goes through memory.
        unsafe { core::ptr::write_volatile(best, 0) };
        each_slot(self.top, |place| {
            // SAFETY: `each_slot` gives places within the array.
            let slot = unsafe { self.slots.get_unchecked(place) };
            if slot.lock != lock {
                return true;
            }
            // The running number is on top: the larger is the later.
            let mode = if (slot.info ^ info) & info::SHARED == 0 {
                RIGHT
            } else {
                0
            };
            let rank = mode | (slot.info >> info::SEQUENCE_SHIFT) << 8 | place as u64;
            // SAFETY: as above.
            unsafe {
                if rank >= core::ptr::read_volatile(best) {
                    core::ptr::write_volatile(best, rank);
                }
            }
            true
        });
        // SAFETY: as above.
        let rank = unsafe { core::ptr::read_volatile(best) };
        if rank == 0 {
            return HELD_SLOTS as u64;
        }
        bounded(rank) as u64
    }

    /// The slot at an index.
    #[inline(always)]
    pub fn slot(&mut self, index: u64) -> &mut Slot {
        // SAFETY: `bounded` keeps it within the array.
        unsafe { self.slots.get_unchecked_mut(bounded(index)) }
    }

    /// Whether this lock was requested last of those that are held or requested.
    #[inline(always)]
    pub fn is_last(&mut self, lock: u64) -> bool {
        let last = self.top.wrapping_sub(1);
        !self.is_empty() && self.slot(last).lock == lock
    }

    /// When the hold at an index began.
    #[inline(always)]
    pub fn since(&mut self, index: u64) -> &mut u64 {
        // SAFETY: as in `slot`.
        unsafe { self.since.get_unchecked_mut(bounded(index)) }
    }

    #[inline(always)]
    fn hash(&mut self, index: u64) -> &mut u64 {
        // SAFETY: as in `slot`.
        unsafe { self.hashes.get_unchecked_mut(bounded(index)) }
    }

    #[inline(always)]
    fn path(&mut self, index: u64) -> &mut u64 {
        // SAFETY: as in `slot`.
        unsafe { self.paths.get_unchecked_mut(bounded(index)) }
    }

    /// Sum of the paths on which the held locks were taken, whatever the objects: only asked for where a chain is new.
    #[inline(always)]
    pub fn sum_of_paths(&mut self, of_hold: impl Fn(u64, u64) -> u64) -> u64 {
        let mut sum = 0_u64;
        each_slot(self.top, |place| {
            // SAFETY: `each_slot` gives places within the arrays.
            let (lock, path) = unsafe { (self.slots.get_unchecked(place).lock, *self.paths.get_unchecked(place)) };
            sum = sum.wrapping_add(of_hold(lock, path) & is_not_zero(lock).wrapping_neg());
            true
        });
        self.launder(sum)
    }

    /// Puts a lock into the slot behind the last used one; `false` when there is none. What is freed below it is used again once all above is free.
    #[inline(always)]
    pub fn push(&mut self, lock: u64, generation: u64, info: u64, epoch: u64, taken: Taken) -> bool {
        let place = self.top;
        if place >= MAX_HELD as u64 {
            return false;
        }
        if place == 0 {
            self.base = taken.depth;
        }
        self.top = place + 1;
        self.count += 1;
        self.sequence += 1;
        let sequence = self.sequence;
        let slot = self.slot(place);
        slot.lock = lock;
        slot.chain = taken.chain;
        slot.generation = generation;
        slot.info = info | epoch << info::EPOCH_SHIFT | sequence << info::SEQUENCE_SHIFT;
        let hash = hash(lock, info, generation);
        *self.hash(place) = hash;
        self.sum = self.sum.wrapping_add(hash);
        *self.path(place) = taken.path;
        true
    }

    /// Takes the lock in a slot out of what is held, until it is [shown](Self::show) again.
    #[inline(always)]
    pub fn hide(&mut self, index: u64) {
        self.sum = self.sum.wrapping_sub(*self.hash(index));
        self.count = self.count.wrapping_sub(1);
        self.slot(index).lock = 0;
    }

    /// Puts it back.
    #[inline(always)]
    pub fn show(&mut self, index: u64, lock: u64) {
        self.slot(index).lock = lock;
        self.sum = self.sum.wrapping_add(*self.hash(index));
        self.count = self.count.wrapping_add(1);
    }

    /// Frees a slot.
    #[inline(always)]
    pub fn remove(&mut self, index: u64) {
        self.hide(index);
        if self.is_empty() {
            self.top = 0;
            self.base = 0;
            return;
        }
        // Lowers the top over free slots; what is left is lowered by later releases.
        self.lower();
        self.lower();
        self.lower();
        self.lower();
    }

    #[inline(always)]
    fn lower(&mut self) {
        // There is one that is not free, so it ends above 0.
        let below = self.top.wrapping_sub(1);
        self.top = below + is_not_zero(self.slot(below).lock);
    }

    /// Exclusive becomes shared.
    #[inline(always)]
    pub fn downgrade(&mut self, index: u64) {
        let slot = self.slot(index);
        slot.info |= info::SHARED;
        let after = hash(slot.lock, slot.info, slot.generation);
        let before = core::mem::replace(self.hash(index), after);
        self.sum = self.sum.wrapping_sub(before).wrapping_add(after);
    }

    /// Whether nothing is held.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
