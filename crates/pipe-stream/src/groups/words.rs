//! A key as a few numbers.

use std::hash::{BuildHasher, Hasher};

/// The longest key that fits into two words.
const SHORT: usize = 16;

/// Two words and a length. Of a key of up to 16 bytes they are all there is to know; of a longer one they are a hash.
///
/// Four bytes at each end, and four inside of each, cover 4 to 16 bytes with the same four reads: no branch depends on the length, and
/// none is mispredicted where lengths vary. (So does wyhash, Wang Yi, 2019.)
///
/// ```text
/// length  5   a: 0123 0123   b: 1234 1234
/// length 11   a: 0123 4567   b: 789A 3456
/// length 16   a: 0123 89AB   b: CDEF 4567
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    a: u64,
    b: u64,
    len: usize,
}

impl Words {
    /// Those of a key, in a table with this hasher.
    #[inline]
    pub(super) fn of(key: &[u8], hasher: &impl BuildHasher) -> Self {
        let len = key.len();
        let (a, b) = match len {
            0 => (0, 0),
            1..4 => (u64::from(key[0]) << 16 | u64::from(key[len / 2]) << 8 | u64::from(key[len - 1]), 0),
            4..=SHORT => {
                let inside = len / 8 * 4;
                let a = four(key, 0) << 32 | four(key, inside);
                let b = four(key, len - 4) << 32 | four(key, len - 4 - inside);
                (a, b)
            }
            _ => (hasher.hash_one(key), 0),
        };
        Words { a, b, len }
    }

    /// How long the key is.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether equal words are equal keys.
    #[inline]
    pub(super) fn are_the_key(&self) -> bool {
        self.len <= SHORT
    }

    /// At most 17 short keys, one of each length, go into the hasher as the same number. A second number would cost another round.
    #[inline]
    pub(super) fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        let mut hasher = hasher.build_hasher();
        hasher.write_u64(self.a);
        hasher.write_u64(self.b ^ (self.len as u64).rotate_right(8));
        hasher.finish()
    }
}

impl PartialEq for Words {
    // One branch and not three.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        (self.a ^ other.a) | (self.b ^ other.b) | (self.len ^ other.len) as u64 == 0
    }
}

#[inline]
fn four(key: &[u8], at: usize) -> u64 {
    key[at..].first_chunk().map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use foldhash::fast::RandomState;
    use pipe_core::testing::Rng;
    use std::collections::HashSet;

    #[test]
    fn every_byte_of_a_short_key_is_in_its_words() {
        let hasher = RandomState::default();
        for len in 1..=SHORT {
            let key = vec![0x55; len];
            let words = Words::of(&key, &hasher);
            assert!(words.are_the_key());
            for at in 0..len {
                for bit in 0..8 {
                    let mut other = key.clone();
                    other[at] ^= 1 << bit;
                    assert_ne!(Words::of(&other, &hasher), words, "bit {bit} of byte {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn keys_over_few_letters_have_words_of_their_own() {
        let hasher = RandomState::default();
        let mut seen = HashSet::new();
        let mut keys = 0;
        for len in 0..=9 {
            for mut number in 0..3usize.pow(len) {
                let key: Vec<u8> = (0..len)
                    .map(|_| {
                        let letter = [0, b'a', 255][number % 3];
                        number /= 3;
                        letter
                    })
                    .collect();
                let words = Words::of(&key, &hasher);
                seen.insert((words.a, words.b, words.len));
                keys += 1;
            }
        }
        assert_eq!(seen.len(), keys);
    }

    /// `keys` balls in as many boxes: the fullest box holds few. 16 or more happen once in 10^8 times or so for a good hash.
    fn spreads(what: &str, keys: &[Vec<u8>]) {
        const BOXES: usize = 1 << 14;
        assert_eq!(keys.len(), BOXES);
        let hasher = RandomState::default();
        let hashes: Vec<u64> = keys.iter().map(|key| Words::of(key, &hasher).hash(&hasher)).collect();
        // The table takes its place from the low bits, and tells groups apart by the seven highest.
        for shift in [0, 64 - 14] {
            let mut boxes = vec![0u32; BOXES];
            hashes.iter().for_each(|hash| boxes[(hash >> shift) as usize % BOXES] += 1);
            let fullest = *boxes.iter().max().unwrap();
            assert!(fullest < 16, "{fullest} of {BOXES} {what} in one place, by the bits from {shift}");
        }
    }

    #[test]
    fn keys_that_are_alike_are_spread_over_the_table() {
        let mut rng = Rng::new(3);
        let keys = |f: &mut dyn FnMut(usize) -> Vec<u8>| (0..1 << 14).map(f).collect::<Vec<_>>();
        spreads("numbers", &keys(&mut |i| i.to_string().into()));
        spreads("numbers behind zeros", &keys(&mut |i| format!("{i:016}").into()));
        spreads("little-endian words", &keys(&mut |i| (i as u64).to_le_bytes().into()));
        spreads("big-endian words", &keys(&mut |i| (i as u64).to_be_bytes().into()));
        spreads(
            "one bit beside a number",
            &keys(&mut |i| ((1 << (64 + i % 64)) | (i as u128 / 64)).to_le_bytes().into()),
        );
        spreads(
            "long keys that differ in the middle",
            &keys(&mut |i| format!("the same here, {i:06}, and here").into()),
        );
        spreads("random keys", &keys(&mut |_| (0..12).map(|_| rng.number() as u8).collect()));
    }

    #[test]
    fn each_table_spreads_keys_in_its_own_way() {
        let (one, other) = (RandomState::default(), RandomState::default());
        for key in [&b""[..], b"a", b"abcd", b"0123456789abcdef", b"longer than two words"] {
            assert_ne!(Words::of(key, &one).hash(&one), Words::of(key, &other).hash(&other), "{key:?}");
        }
    }
}
