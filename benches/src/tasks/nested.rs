//! `nested`: each item of the outer work is work on many items of its own.

use super::costed::{ROUNDS, work};
use crate::rng::mix;

/// The items in each item.
pub(crate) const INNER: u64 = 1_000;

/// 100 ns of work.
#[inline]
pub(crate) fn value(outer: u64, inner: u64) -> u64 {
    work(mix(outer * INNER + inner), ROUNDS[2].1)
}
