//! Lines of words: short words are frequent, most lines are short and a few are long, some are empty.

use super::Generator;
use crate::rng::{Rng, mix};
use crate::tasks::text::{COMMON, Counts, Found, RARE, lines};

/// Syllables, two of them beyond ASCII; none has a capital letter, so that no word is a literal that is searched for.
const SYLLABLES: [&str; 32] = [
    "a", "be", "co", "da", "en", "fi", "go", "ha", "in", "ju", "ka", "lo", "ma", "né", "or", "pe", "qui",
    "ra", "so", "ta", "un", "ve", "wi", "xe", "yo", "zü", "st", "er", "ly", "ing", "tion", "th",
];
/// The words by their rank; a power of two.
const WORDS: u64 = 1 << 16;

/// Five syllables of four bytes, and a space, fit.
const LONGEST: usize = 24;

/// A word with a space behind it, and how many bytes these are: copying a fixed length is faster than copying the right one.
type Word = ([u8; LONGEST], usize);

pub(crate) struct Text(Vec<Word>);

impl Text {
    pub(crate) fn new() -> Self {
        // A word of rank r has about as many syllables as r has groups of four bits.
        let word = |rank: u64| {
            let syllables = 1 + (u64::BITS - rank.leading_zeros()) / 4;
            let syllable = |at: u32| SYLLABLES[(mix(rank) >> (5 * at)) as usize % SYLLABLES.len()];
            let text: String = (0..syllables).map(syllable).chain([" "]).collect();
            let mut word = [0; LONGEST];
            word[..text.len()].copy_from_slice(text.as_bytes());
            (word, text.len())
        };
        Self((0..WORDS).map(word).collect())
    }

    /// Frequent words have low ranks: each power of two is as likely as the next.
    fn push_word(&self, text: &mut Vec<u8>, chance: u64) {
        let below = 1 << (chance % 17);
        let rank = (chance >> 32) % below;
        let (word, length) = &self.0[rank as usize];
        let end = text.len() + length;
        text.extend_from_slice(word);
        text.truncate(end);
    }
}

/// Most have up to 16, some up to 64, one in 2000 up to 1000; one in 17 has none.
fn words_of_a_line(rng: &mut Rng) -> u64 {
    match rng.below(2000) {
        0 => rng.below(1000),
        1..300 => rng.below(64),
        _ => rng.below(17),
    }
}

/// One for each question that may be asked, in the order of [`Asked`](super::Asked).
#[derive(Default)]
pub(crate) struct Known {
    counts: Counts,
    rare: Found,
    common: Found,
}

impl Generator for Text {
    type Known = Known;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Known {
        let mut known = Known::default();
        for _ in 0..rows {
            let (start, mut words) = (text.len(), words_of_a_line(rng));
            for _ in 0..words {
                self.push_word(text, rng.next());
            }
            let (rare, common) = (rng.below(20_000) == 0, rng.below(2) == 0);
            for (literal, is_there) in [(RARE, rare), (COMMON, common)] {
                if is_there {
                    text.extend_from_slice(literal.as_bytes());
                    text.push(b' ');
                    words += 1;
                }
            }
            // No space behind the last word.
            text.truncate(text.len() - usize::from(words > 0));
            let line = &text[start..];
            known.counts.merge(Counts { lines: 1, words, bytes: line.len() as u64 + 1 });
            if rare {
                known.rare.add(line);
            }
            if common {
                known.common.add(line);
            }
            text.push(b'\n');
        }
        known
    }

    fn merge(&self, all: &mut Known, block: Known) {
        all.counts.merge(block.counts);
        all.rare.merge(block.rare);
        all.common.merge(block.common);
    }

    fn answer(&self, known: &Known) -> String {
        let Known { counts, rare, common } = known;
        format!("{}\n{counts}\n{rare}\n{common}\n{} bytes", lines(counts.lines), counts.bytes)
    }
}
