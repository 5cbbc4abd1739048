//! Lines, words and bytes of a block.

use crate::count::line_feeds;
use crate::mask::{BLOCK, block, spaces};
use std::ops::AddAssign;

/// Lines, words and bytes, counted as `wc` counts them. Of blocks that end where a line ends, tallies add up to that of the whole input.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Lines, Tally};
///
/// let text: &[u8] = b"one two\nthree\n";
/// let counted = Lines::from_reader(text).blocks().pipeline().map(Tally::of).fold(Tally::default, |all, one| *all += one, |all, part| *all += part);
/// assert_eq!(counted.run_on(&Inline)?.value, Tally { lines: 2, words: 3, bytes: 14 });
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Line feeds.
    pub lines: u64,
    /// Runs of bytes that are not white space: the space, and the five from tab to carriage return.
    pub words: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    /// Counts a block. Words are taken to begin and end in it.
    pub fn of(bytes: &[u8]) -> Self {
        Tally { lines: line_feeds(bytes), words: words(bytes), bytes: bytes.len() as u64 }
    }
}

/// A word begins at each byte that is no space and stands behind one, or at the front.
fn words(bytes: &[u8]) -> u64 {
    let (mut words, mut after_space) = (0, 1);
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        let spaces = spaces(block);
        words += u64::from((!spaces & (spaces << 1 | after_space)).count_ones());
        after_space = spaces >> 63;
    }
    let spaces = spaces(&block(rest)) | u64::MAX.checked_shl(rest.len() as u32).unwrap_or(0);
    words + u64::from((!spaces & (spaces << 1 | after_space)).count_ones())
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn words_are_what_splitting_at_white_space_gives() {
        let mut rng = Rng::new(4);
        for len in 0..400 {
            let text: Vec<u8> =
                (0..len).map(|_| b"ab\x08\x0e\xa0 \t\n\x0b\x0c\r"[rng.below(11) as usize]).collect();
            let white = |byte: &u8| matches!(byte, b' ' | 9..=13);
            let naive = Tally {
                lines: text.iter().filter(|byte| **byte == b'\n').count() as u64,
                words: text.split(white).filter(|word| !word.is_empty()).count() as u64,
                bytes: len,
            };
            assert_eq!(Tally::of(&text), naive, "{text:?}");
        }
    }
}
