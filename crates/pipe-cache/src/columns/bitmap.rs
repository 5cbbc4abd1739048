//! One bit for each row.

use crate::aligned::AlignedVec;
use pipe_core::Weigh;

/// Bits, 64 to a word, the lowest first: the layout of Arrow's validity. Bits behind the last one are zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bitmap {
    words: AlignedVec<u64>,
    len: usize,
}

const BITS: usize = u64::BITS as usize;

impl Bitmap {
    /// This many bits, all set or all clear.
    pub fn filled(len: usize, bit: Bit) -> Self {
        let mut bitmap = Bitmap::default();
        bitmap.resize(len, bit);
        bitmap
    }

    /// A bit of each row from its index.
    pub fn from_fn(len: usize, mut is_set: impl FnMut(usize) -> bool) -> Self {
        let word = |first: usize| {
            let bits = first..len.min(first + BITS);
            bits.fold(0, |word, row| word | (u64::from(is_set(row)) << (row - first)))
        };
        Bitmap { words: (0..len).step_by(BITS).map(word).collect(), len }
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether this bit is set.
    ///
    /// # Panics
    /// There is no such bit.
    pub fn get(&self, row: usize) -> bool {
        assert!(row < self.len, "bit {row} of {}", self.len);
        self.words[row / BITS] >> (row % BITS) & 1 == 1
    }

    /// Sets or clears a bit.
    ///
    /// # Panics
    /// There is no such bit.
    pub fn set(&mut self, row: usize, bit: Bit) {
        assert!(row < self.len, "bit {row} of {}", self.len);
        let mask = 1 << (row % BITS);
        match bit {
            Bit::Set => self.words[row / BITS] |= mask,
            Bit::Clear => self.words[row / BITS] &= !mask,
        }
    }

    /// Makes it this long: cuts it, or fills it up with `bit`.
    pub fn resize(&mut self, len: usize, bit: Bit) {
        let (old, word) = (self.len, if bit == Bit::Set { u64::MAX } else { 0 });
        if len > old
            && !old.is_multiple_of(BITS)
            && let Some(last) = self.words.last_mut()
        {
            *last |= word << (old % BITS);
        }
        self.words.resize(len.div_ceil(BITS), word);
        self.len = len;
        if !len.is_multiple_of(BITS)
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (BITS - len % BITS);
        }
    }

    /// How many bits are set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The words: bit `n` is bit `n % 64` of word `n / 64`.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words, to move them elsewhere.
    #[cfg(feature = "arrow")]
    pub(super) fn into_words(self) -> AlignedVec<u64> {
        self.words
    }
}

/// What a bit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bit {
    /// 1: of a validity, that there is a value.
    Set,
    /// 0.
    Clear,
}

impl Weigh for Bitmap {
    fn heap(&self) -> usize {
        self.words.heap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn it_does_what_a_vector_of_bools_does_and_its_rest_stays_clear() {
        let (mut bitmap, mut oracle, mut rng) = (Bitmap::default(), Vec::new(), Rng::new(1));
        for _ in 0..2_000 {
            let bit = if rng.below(2) == 0 { Bit::Set } else { Bit::Clear };
            let row = rng.below(200) as usize;
            if rng.below(3) == 0 {
                bitmap.resize(row, bit);
                oracle.resize(row, bit == Bit::Set);
            } else if row < oracle.len() {
                bitmap.set(row, bit);
                oracle[row] = bit == Bit::Set;
            }
            assert!((0..bitmap.len()).map(|row| bitmap.get(row)).eq(oracle.iter().copied()));
            assert_eq!(bitmap.count(), oracle.iter().filter(|bit| **bit).count());
            assert_eq!(bitmap, Bitmap::from_fn(oracle.len(), |row| oracle[row]));
        }
    }

    #[test]
    #[should_panic(expected = "bit 3 of 3")]
    fn a_bit_behind_the_last_is_refused() {
        Bitmap::filled(3, Bit::Set).get(3);
    }
}
