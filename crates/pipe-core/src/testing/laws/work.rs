//! Something to do.

use std::hint::black_box;

/// Some work that no optimiser removes: `rounds` dependent multiplications.
pub(super) fn work(n: u64, rounds: u64) -> u64 {
    (0..rounds).fold(n, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9))
}

/// The number itself, after some work.
pub(super) fn after(n: u64, rounds: u64) -> u64 {
    black_box(work(n, rounds));
    n
}
