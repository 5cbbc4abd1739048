//! Something that takes time.

use std::hint::black_box;

/// The number itself, after this many dependent multiplications.
pub(crate) fn after(n: i64, rounds: u64) -> i64 {
    black_box((0..rounds).fold(n as u64, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9)));
    n
}
