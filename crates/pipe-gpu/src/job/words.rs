//! Words of 64 bits that come with a piece and go back with it: numbers that have the same bytes.

use crate::element::Element;

/// The most sets of words that the threads of a kernel share. Not measured on a device.
const MOST_STRIPES: usize = 32;

/// How many sets of words a piece has: so many that all together take an eighth of a slot at most; but one at least.
pub(crate) fn stripes(slot_bytes: usize, words: usize) -> usize {
    (slot_bytes / 8 / (words * size_of::<u64>())).clamp(1, MOST_STRIPES)
}

/// How many numbers take as much room as so many words.
pub(crate) fn room<T>(words: usize) -> usize {
    words.saturating_mul(size_of::<u64>() / size_of::<T>())
}

/// Words as numbers that have the same bytes.
pub(crate) fn numbers_of<T: Element>(words: impl Iterator<Item = u64>) -> Vec<T> {
    let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    bytes.chunks_exact(size_of::<T>()).map(T::of_bytes).collect()
}

/// And back.
pub(crate) fn words_of<T: Element>(numbers: &[T]) -> Vec<u64> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_bytes()).collect();
    bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_after_a_way_as_numbers() {
        fn there_and_back<T: Element>() {
            let words = [0, 1, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef];
            let numbers: Vec<T> = numbers_of(words.into_iter());
            assert_eq!((numbers.len(), words_of(&numbers)), (room::<T>(words.len()), words.to_vec()));
        }
        there_and_back::<f64>();
        there_and_back::<i32>();
        there_and_back::<u16>();
        there_and_back::<u8>();
    }

    #[test]
    fn a_slot_has_room_for_all_stripes_and_numbers_besides() {
        assert_eq!([0, 64, 256, 1 << 12, 1 << 20].map(|slot| stripes(slot, 2)), [1, 1, 2, 32, 32]);
        assert_eq!(stripes(usize::MAX, 1 << 20), 32);
    }
}
