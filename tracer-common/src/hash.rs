//! Hashes of addresses, which the program and its reader make in the same way.

/// Spreads numbers that are near each other: multiplied by the golden ratio, the upper bits differ most (Knuth, The Art of Computer Programming 3, 6.4).
#[inline(always)]
pub const fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// As many bits of that as a table has cells.
#[inline(always)]
pub const fn cell(number: u64, bits: u32) -> u32 {
    (spread(number) >> (64 - bits)) as u32
}
