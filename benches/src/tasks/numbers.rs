//! `fused-numbers-*`: eight cheap steps over `0..n`, five maps, two filters and a sum.
//!
//! Cheap steps show what the chain itself costs. The two variants differ in what the branch predictor sees: filters that
//! nearly always pass, in a short pattern, and filters on hashed bits.

use crate::rng::mix;

/// How the values are spread, and what the filters ask.
pub(crate) trait Filters: Send + Sync + 'static {
    fn spread(x: u64) -> u64;
    fn first(x: u64) -> bool;
    fn second(x: u64) -> bool;
}

/// Drops one value in 64, in order, and then one run in 128.
pub(crate) struct Predictable;

impl Filters for Predictable {
    #[inline(always)]
    fn spread(x: u64) -> u64 {
        x ^ (x << 7)
    }
    #[inline(always)]
    fn first(x: u64) -> bool {
        x & 63 != 5
    }
    #[inline(always)]
    fn second(x: u64) -> bool {
        (x >> 6) & 127 != 3
    }
}

/// Drops a half, and then a quarter of the rest, by bits that look random.
pub(crate) struct Unpredictable;

impl Filters for Unpredictable {
    #[inline(always)]
    fn spread(x: u64) -> u64 {
        mix(x)
    }
    #[inline(always)]
    fn first(x: u64) -> bool {
        x & 1 == 0
    }
    #[inline(always)]
    fn second(x: u64) -> bool {
        (x >> 17) & 3 != 0
    }
}

/// The first step. `K` makes the instantiations differ, so that the compiler keeps them apart.
#[inline(always)]
pub(crate) fn place<const K: u64>(x: u64) -> u64 {
    x.wrapping_mul(3).wrapping_add(K)
}

#[inline(always)]
pub(crate) fn lean(x: u64) -> u64 {
    x.wrapping_add(x >> 9)
}

#[inline(always)]
pub(crate) fn flip(x: u64) -> u64 {
    x ^ 0x5555_5555_5555_5555
}

#[inline(always)]
pub(crate) fn turn(x: u64) -> u64 {
    x.rotate_left(9)
}
