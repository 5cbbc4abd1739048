//! `reduce-*`: work of a known cost on each item, and the sum of all; no sink, so that nothing is serial.

use super::costed::{source, work};
use crate::rng::mix;

/// What is summed for item `index`.
#[inline]
pub(crate) fn value(index: u64, rounds: u64) -> u64 {
    work(mix(index), rounds)
}

/// The items of the rows over a slice.
pub(crate) fn values(n: u64) -> Vec<u64> {
    source(n).collect()
}

pub(crate) fn answer(sum: u64) -> String {
    format!("{sum:016x}")
}
