//! Functions and tables that are looked into: keys, a hash table larger than the caches, and functions of some cost.

use crate::rng::{Rng, mix};

/// Keys of which small ones come often: log-uniform over 1 to `end`, as words of a language do.
pub(crate) fn log_uniform(count: u64, end: u64) -> Vec<u64> {
    let (mut rng, top) = (Rng::new(7), (end as f64).ln());
    let mut unit = || rng.below(1 << 53) as f64 / (1_u64 << 53) as f64;
    (0..count).map(|_| (unit() * top).exp() as u64).collect()
}

/// Keys of which each comes as often as any other: 1 to `end`.
pub(crate) fn uniform(count: u64, end: u64) -> Vec<u64> {
    let mut rng = Rng::new(8);
    (0..count).map(|_| rng.below(end) + 1).collect()
}

/// A pure function that takes a few nanoseconds for each round.
#[inline(always)]
pub(crate) fn computed(key: u64, rounds: u64) -> u64 {
    (0..rounds).fold(key, |x, round| mix(x ^ round))
}

/// Adds a result to those before.
pub(crate) fn add(sum: &mut u64, result: u64) {
    *sum = sum.wrapping_add(result);
}

/// Where a key belongs in a table of so many places, of which there is a power of two.
#[inline(always)]
pub(crate) fn place(key: u64, places: usize) -> usize {
    mix(key) as usize & (places - 1)
}

/// Open addressing: two numbers for each place, key and value; half of the places are taken, by the odd keys.
pub(crate) fn fill(table: &mut [u64]) {
    let places = table.len() / 2;
    for key in (1..=places as u64).step_by(2) {
        let mut at = place(key, places);
        while table[2 * at] != 0 {
            at = (at + 1) & (places - 1);
        }
        (table[2 * at], table[2 * at + 1]) = (key, key ^ 0xFF);
    }
}

/// The value of a key, or 0.
#[inline(always)]
pub(crate) fn find(table: &[u64], key: u64) -> u64 {
    let places = table.len() / 2;
    let mut at = place(key, places);
    loop {
        match table[2 * at] {
            known if known == key => return table[2 * at + 1],
            0 => return 0,
            _ => at = (at + 1) & (places - 1),
        }
    }
}
