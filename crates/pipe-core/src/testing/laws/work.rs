//! Something to do.

use crate::testing::Live;
use std::hint::black_box;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Some work that no optimiser removes: `rounds` dependent multiplications.
pub(super) fn work(n: u64, rounds: u64) -> u64 {
    (0..rounds).fold(n, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9))
}

/// The number itself, after some work.
pub(super) fn after(n: u64, rounds: u64) -> u64 {
    black_box(work(n, rounds));
    n
}

/// For a sink that stands still: waits until nobody makes anything any more. Then all have seen that there is no room.
pub(super) fn until_nothing_is_made(live: &Live) {
    let standstill = (Mutex::new(()), Condvar::new());
    let mut before = 0;
    while std::mem::replace(&mut before, live.made()) != live.made() || before == 0 {
        let held = standstill.0.lock().expect("nothing panics");
        drop(standstill.1.wait_timeout(held, Duration::from_millis(10)));
    }
}
