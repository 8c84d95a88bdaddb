//! A task's held stack: slots in no order, so that taking and releasing in any order is constant work.

use tracer_common::wire::{HELD_SLOTS, Origin, Slot, info};

/// What one task holds.
#[repr(C)]
pub struct Held {
    /// A slot is free when its lock is 0.
    pub slots: [Slot; HELD_SLOTS],
    /// Slots from here on are free.
    pub top: u64,
    /// Sum of the hashes of the held locks: the key of the set, whatever the order.
    pub sum: u64,
    /// Acquisitions so far: their running number tells the order.
    pub sequence: u64,
    /// The reload window that the task is in, or 0.
    pub window: u64,
    /// What kind of window that is: part of every chain's key.
    pub window_kind: u64,
    /// Why the task is in the kernel.
    pub origin: Origin,
    /// Index of a slot that is second choice in a search: in memory, so that the verifier forgets which.
    other: u64,
    /// A value that goes in here comes out as a number of which the verifier knows nothing.
    cell: u64,
}

/// Runs `$body` for every slot index as a constant. The verifiers do not follow a search loop once the optimiser has turned its counter
/// into a pointer, so there is none.
macro_rules! for_each_slot {
    ($index:ident, $body:block) => {
        for_each_slot!(@ $index, $body,
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    (@ $index:ident, $body:block, $($number:literal)+) => {
        // A loop that runs once gives the body a place to leave from.
        #[allow(clippy::never_loop, reason = "left by break from an unrolled body")]
        loop {
            $({ const $index: usize = $number; $body })+
            break;
        }
    };
}
pub(crate) use for_each_slot;

/// `index` below [`HELD_SLOTS`], in a form that the optimiser cannot take away again.
#[inline(always)]
fn bounded(mut index: u64) -> usize {
    // SAFETY: changes only the register.
    unsafe { core::arch::asm!("{0} &= 63", inout(reg) index, options(pure, nomem, nostack)) };
    index as usize
}

const _: () = assert!(HELD_SLOTS == 64);

/// Hash of one held lock.
#[inline(always)]
fn hash(lock: u64, info: u64, generation: u64) -> u64 {
    let mixed = (lock ^ (info & info::MASK) << 56 ^ generation.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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

    /// Index of the slot with this lock; of a free slot below [`Held::top`] for lock 0.
    #[inline(always)]
    pub fn find(&mut self, lock: u64) -> Option<u64> {
        let top = self.top;
        let mut place = HELD_SLOTS as u64;
        for_each_slot!(INDEX, {
            if INDEX as u64 >= top {
                break;
            }
            if self.slots[INDEX].lock == lock {
                place = INDEX as u64;
                break;
            }
        });
        let place = self.launder(place);
        (place < HELD_SLOTS as u64).then_some(place)
    }

    /// Index of the slot with this lock in the mode of `info`; of one in another mode when there is none.
    #[inline(always)]
    pub fn find_mode(&mut self, lock: u64, info: u64) -> Option<u64> {
        let top = self.top;
        let other = &raw mut self.other;
        // SAFETY: a valid field; volatile, so that the value really goes through memory.
        unsafe { core::ptr::write_volatile(other, HELD_SLOTS as u64) };
        let mut place = HELD_SLOTS as u64;
        for_each_slot!(INDEX, {
            if INDEX as u64 >= top {
                break;
            }
            if self.slots[INDEX].lock == lock {
                if (self.slots[INDEX].info ^ info) & info::SHARED == 0 {
                    place = INDEX as u64;
                    break;
                }
                // SAFETY: as above.
                unsafe { core::ptr::write_volatile(other, INDEX as u64) };
            }
        });
        let mut place = self.launder(place);
        if place >= HELD_SLOTS as u64 {
            // SAFETY: as above.
            place = unsafe { core::ptr::read_volatile(other) };
        }
        (place < HELD_SLOTS as u64).then_some(place)
    }

    /// The slot at an index.
    #[inline(always)]
    pub fn slot(&mut self, index: u64) -> &mut Slot {
        // SAFETY: `bounded` keeps it within the array.
        unsafe { self.slots.get_unchecked_mut(bounded(index)) }
    }

    /// Puts a lock into a free slot; `false` when there is none.
    #[inline(always)]
    pub fn push(&mut self, lock: u64, generation: u64, info: u64, chain: u64) -> bool {
        let place = match self.find(0) {
            Some(free) => free,
            None if self.top < HELD_SLOTS as u64 => {
                let top = self.top;
                self.top = top + 1;
                top
            }
            None => return false,
        };
        self.sequence += 1;
        let sequence = self.sequence;
        let slot = self.slot(place);
        slot.lock = lock;
        slot.chain = chain;
        slot.generation = generation;
        slot.info = info | sequence << info::SEQUENCE_SHIFT;
        self.sum = self.sum.wrapping_add(hash(lock, info, generation));
        true
    }

    /// Frees a slot.
    #[inline(always)]
    pub fn remove(&mut self, index: u64) {
        let slot = self.slot(index);
        let gone = hash(slot.lock, slot.info, slot.generation);
        slot.lock = 0;
        self.sum = self.sum.wrapping_sub(gone);
        // Lowers the top over free slots; what is left is lowered by later releases.
        self.lower();
        self.lower();
        self.lower();
        self.lower();
    }

    #[inline(always)]
    fn lower(&mut self) {
        let top = self.top;
        if top > 0 && self.slot(top - 1).lock == 0 {
            self.top = top - 1;
        }
    }

    /// Exclusive becomes shared.
    #[inline(always)]
    pub fn downgrade(&mut self, index: u64) {
        let slot = self.slot(index);
        let before = hash(slot.lock, slot.info, slot.generation);
        slot.info |= info::SHARED;
        let after = hash(slot.lock, slot.info, slot.generation);
        self.sum = self.sum.wrapping_sub(before).wrapping_add(after);
    }

    /// Whether nothing is held.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.top == 0
    }
}
