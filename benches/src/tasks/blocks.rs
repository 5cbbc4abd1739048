//! `zstd-blocks`, `sha256-blocks`, `blake3-blocks`, `word-frequencies`: blocks of a text that are owned, as a read brings them.

use super::task::Task;
use crate::inputs::Generator;
use crate::inputs::text::Text;
use crate::rng::{Rng, mix};
use foldhash::fast::RandomState;
use sha2::Digest;
use std::collections::HashMap;

/// The blocks are cut from so many lines, 1 MiB or more, which stay in the cache: what counts is the work on them.
const LINES: u64 = 20_000;

/// So many blocks of `size` bytes, each a copy.
pub(crate) fn blocks(count: u64, size: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    let (mut text, size) = (Vec::new(), size as usize);
    Text::new().block(&mut Rng::new(0x626C_6F63), LINES, &mut text);
    let places = (text.len() - size) as u64;
    let mut indices = 0..count;
    std::iter::from_fn(move || {
        let at = (mix(indices.next()?) % places) as usize;
        Some(text[at..at + size].to_vec())
    })
}

/// Compressed at level 3, the default of zstd.
pub(crate) struct Zstd;
pub(crate) struct Sha256;
pub(crate) struct Blake3;

impl Task for Zstd {
    type In = Vec<u8>;
    type Out = Vec<u8>;
    const CHUNK: usize = 1;

    fn items(size: u64, bytes: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        blocks(size, bytes)
    }

    fn work(block: Vec<u8>) -> Vec<u8> {
        zstd::bulk::compress(&block, 3).expect("it allocates what it may need")
    }

    /// Both ends and the length: hashing all of it would take a serial sink longer than its turn.
    fn digest(output: &Vec<u8>) -> u64 {
        let ends = output.iter().take(16).chain(output.iter().rev().take(16));
        ends.fold(output.len() as u64, |all, byte| all.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    }
}

impl Task for Sha256 {
    type In = Vec<u8>;
    type Out = [u8; 32];
    const CHUNK: usize = 4;

    fn items(size: u64, bytes: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        blocks(size, bytes)
    }

    fn work(block: Vec<u8>) -> [u8; 32] {
        sha2::Sha256::digest(&block).into()
    }

    fn digest(output: &[u8; 32]) -> u64 {
        first(output)
    }
}

impl Task for Blake3 {
    type In = Vec<u8>;
    type Out = [u8; 32];
    const CHUNK: usize = 16;

    fn items(size: u64, bytes: u64) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
        blocks(size, bytes)
    }

    fn work(block: Vec<u8>) -> [u8; 32] {
        blake3::hash(&block).into()
    }

    fn digest(output: &[u8; 32]) -> u64 {
        first(output)
    }
}

fn first(hash: &[u8; 32]) -> u64 {
    hash.iter().take(8).fold(0, |all, byte| (all << 8) | u64::from(*byte))
}

/// How often each word is there. Words that are cut at the end of a block count as words.
pub(crate) type Frequencies = HashMap<Vec<u8>, u64, RandomState>;

/// Adds the words of a block.
pub(crate) fn count(all: &mut Frequencies, block: &[u8]) {
    for word in block.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        match all.get_mut(word) {
            Some(count) => *count += 1,
            None => drop(all.insert(word.to_vec(), 1)),
        }
    }
}

pub(crate) fn merge(all: &mut Frequencies, part: Frequencies) {
    for (word, count) in part {
        *all.entry(word).or_default() += count;
    }
}

/// How many words there are, how many different ones, and a sum over both that does not depend on their order.
pub(crate) fn answer(all: &Frequencies) -> String {
    let words: u64 = all.values().sum();
    let sum = all.iter().fold(0u64, |sum, (word, count)| {
        sum.wrapping_add(mix(crate::measure::fnv1a(word)).wrapping_mul(*count))
    });
    format!("{words} words {} different {sum:016x}", all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_can_be_merged_in_any_order() {
        let of = |texts: &[&str]| {
            let mut all = Frequencies::default();
            texts.iter().for_each(|text| count(&mut all, text.as_bytes()));
            all
        };
        let (one, other) = (of(&["a b\na", "c"]), of(&["b  b\n"]));
        let (mut ab, mut ba) = (one.clone(), other.clone());
        merge(&mut ab, other);
        merge(&mut ba, one);
        assert_eq!(answer(&ab), answer(&ba));
        assert!(answer(&ab).starts_with("6 words 3 different"), "{}", answer(&ab));
    }

    #[test]
    fn blocks_are_the_same_each_time_and_differ_from_each_other() {
        let all: Vec<Vec<u8>> = blocks(3, 4_096).collect();
        assert!(all.iter().all(|block| block.len() == 4_096) && all[0] != all[1]);
        assert!(blocks(3, 4_096).eq(all));
    }
}
