//! Finds line feeds, fast for short lines and for long ones.
//!
//! ```text
//! for each block of 64 bytes: one bit per line feed -> for each bit: a position
//! ```
//!
//! 1. A search per line costs a call and a mispredicted branch or two: 6.4 ns for lines of 14 bytes with `memchr_iter`. One comparison
//!    of a whole block finds all its line feeds, here four or five, and costs one misprediction: 3.8 ns.
//! 2. In long lines most blocks are empty, and `memchr` with its wider vectors is faster. After two empty blocks it takes over until
//!    the line ends. After one, lines of 80 bytes pay for calls; after three, long ones for blocks.
//!
//! (Sapphire Rapids, x86-64 baseline code, lines of random length around the mean given, in the L2 cache.)

use crate::mask::{BLOCK, block, equal};

/// How many empty blocks make a line a long one.
const EMPTY: u32 = 2;

/// The positions of the line feeds in a window, ascending.
pub(crate) struct Newlines<'w> {
    window: &'w [u8],
    /// Where the block of `bits` starts.
    block: usize,
    /// The line feeds of the block that were not given yet; bit 0 is its first byte.
    bits: u64,
    /// The first byte that was not looked at.
    ahead: usize,
}

impl<'w> Newlines<'w> {
    /// Those at or behind `from`.
    #[inline(always)]
    pub(crate) fn new(window: &'w [u8], from: usize) -> Self {
        Newlines { window, block: from, bits: 0, ahead: from }
    }
}

impl Iterator for Newlines<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let mut empty = 0;
        while self.bits == 0 {
            let rest = self.window.get(self.ahead..)?;
            if empty == EMPTY {
                let found = self.ahead + memchr::memchr(b'\n', rest)?;
                self.ahead = found + 1;
                return Some(found);
            }
            empty += 1;
            self.block = self.ahead;
            if let Some(block) = rest.first_chunk() {
                self.bits = equal(block, b'\n');
                self.ahead += BLOCK;
            } else if rest.is_empty() {
                return None;
            } else {
                self.bits = equal(&block(rest), b'\n');
                self.ahead = self.window.len();
            }
        }
        let found = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    fn check(window: &[u8]) {
        let naive = |from: usize| (from..window.len()).filter(|at| window[*at] == b'\n').collect::<Vec<_>>();
        for from in [0, 1, 63, 64, 65, window.len()] {
            assert_eq!(
                Newlines::new(window, from).collect::<Vec<_>>(),
                naive(from),
                "from {from} in {window:?}"
            );
        }
    }

    #[test]
    fn a_line_feed_is_found_at_every_place_of_every_length() {
        for len in 0..260 {
            let mut window = vec![b'\x0b'; len];
            check(&window);
            for at in 0..len {
                window[at] = b'\n';
                check(&window);
                window[at] = b'\x0b';
            }
            check(&vec![b'\n'; len]);
        }
    }

    #[test]
    fn every_byte_that_is_not_a_line_feed_is_none() {
        let all: Vec<u8> = (0..=255).cycle().take(1024).collect();
        check(&all);
    }

    #[test]
    fn random_windows_agree_with_the_plain_loop() {
        let mut rng = Rng::new(1);
        for mean in [1, 3, 9, 40, 130, 500] {
            let mut byte = || if rng.below(mean) == 0 { b'\n' } else { rng.number() as u8 };
            let window: Vec<u8> = (0..3_000).map(|_| byte()).collect();
            check(&window);
        }
    }
}
