//! `ordered-*` and `unordered-*`: items from an iterator that does not tell its length, work of a known cost on each, and
//! one sink that sees them one after the other.

use crate::rng::mix;

/// `0..n`, mixed. It hides its length, as a parser or a socket does, and cannot be split.
pub(crate) struct Opaque {
    next: u64,
    end: u64,
}

pub(crate) fn source(n: u64) -> Opaque {
    Opaque { next: 0, end: n }
}

impl Iterator for Opaque {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let index = self.next;
        if index == self.end {
            return None;
        }
        self.next += 1;
        Some(mix(index))
    }
}

/// `rounds` times two dependent instructions that no compiler folds or vectorises.
#[inline]
pub(crate) fn work(mut x: u64, rounds: u64) -> u64 {
    for _ in 0..rounds {
        x = (x ^ 0xD1B5_4A32_D192_ED03).wrapping_mul(0x2545_F491_4F6C_DD1D);
    }
    x
}

/// Nanoseconds that the plain loop takes longer for each item, and the rounds that make them. Fixed, so that every
/// contender on every machine does the same; measured on a Xeon of about 3 GHz. Not a straight line: while one item is
/// worked on, the processor already begins the next ones, and the shorter the work, the more of it that hides.
pub(crate) const ROUNDS: [(u64, u64); 5] = [(0, 0), (10, 24), (100, 110), (1_000, 760), (10_000, 7_500)];

/// The serial sink: its sum depends on the order of all values.
#[derive(Default)]
pub(crate) struct Ordered(u64);

impl Ordered {
    #[inline]
    pub(crate) fn take(&mut self, x: u64) {
        self.0 = self.0.wrapping_mul(31).wrapping_add(x);
    }

    pub(crate) fn answer(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// The serial sink for outputs in any order. It hashes each value, so that it cannot be folded into the work.
#[derive(Default)]
pub(crate) struct Unordered(u64);

impl Unordered {
    #[inline]
    pub(crate) fn take(&mut self, x: u64) {
        self.0 = self.0.wrapping_add(x ^ (x >> 29));
    }

    pub(crate) fn answer(&self) -> String {
        format!("{:016x}", self.0)
    }
}

/// The items of one hand-made chunk. Peers that move single items lose everywhere (60 to 2,300 ns an item), so all of
/// them get chunks, of the size that was best for them at this cost: of 1, 4, 16, ... 8192 items, this or as good as this.
pub(crate) fn chunk(rounds_per_item: u64) -> usize {
    match rounds_per_item {
        0..100 => 4096,
        100..500 => 1024,
        500..5_000 => 256,
        _ => 64,
    }
}

/// Chunks that may wait for workers, and again for the caller: on two cores 32, which was best for those that search their buffer, and no worse for
/// the others; it grows with the workers, so that one slow chunk holds up no more of them on many cores than on two.
pub(crate) fn window(workers: usize) -> usize {
    workers.saturating_mul(16).max(32)
}

/// Cuts an iterator into owned chunks, since rayon, crossbeam and pariter have no such adapter for iterators.
pub(crate) struct Chunks<I> {
    items: I,
    size: usize,
}

impl<I: Iterator> Chunks<I> {
    pub(crate) fn new(items: I, size: usize) -> Self {
        Self { items, size }
    }
}

impl<I: Iterator> Iterator for Chunks<I> {
    type Item = Vec<I::Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::with_capacity(self.size);
        chunk.extend(self.items.by_ref().take(self.size));
        (!chunk.is_empty()).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_hides_its_length() {
        assert_eq!(source(1000).size_hint(), (0, None));
        assert_eq!(source(1000).count(), 1000);
    }

    #[test]
    fn chunks_lose_nothing() {
        for n in [0, 1, 15, 16, 17, 32] {
            let chunks: Vec<_> = Chunks::new(0..n, 16).collect();
            assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= 16));
            assert!(chunks.concat().into_iter().eq(0..n));
        }
    }

    #[test]
    fn the_ordered_answer_sees_a_swap_and_the_unordered_does_not() {
        let (mut ab, mut ba) = (Ordered::default(), Ordered::default());
        let (mut any_ab, mut any_ba) = (Unordered::default(), Unordered::default());
        for (x, y) in [(1, 2), (2, 1)] {
            ab.take(x);
            ba.take(y);
            any_ab.take(x);
            any_ba.take(y);
        }
        assert_ne!(ab.answer(), ba.answer());
        assert_eq!(any_ab.answer(), any_ba.answer());
    }
}
