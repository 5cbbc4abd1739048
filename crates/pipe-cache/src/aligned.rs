//! A vector of numbers that begins with a cache line and ends with one.

use crate::huge::{self, HUGE_PAGE, HugePages};
use crate::plain::{CacheLine, Plain};
use pipe_core::Weigh;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// Numbers in whole cache lines: the first one lies at a multiple of 64 bytes, and the memory ends where a line does.
///
/// So a vector register never reads across two lines, two columns never share one, and a kernel over it begins without a loop for the odd
/// start. From 2 MiB on it asks for [huge pages](HugePages) before it touches its memory.
///
/// It is a slice of numbers for who reads it, and grows as a `Vec` does.
///
/// ```
/// use pipe_cache::AlignedVec;
///
/// let mut heights = AlignedVec::from(&[1.5_f32, 1.75][..]);
/// heights.push(2.0);
/// assert_eq!(heights.as_ptr().addr() % 64, 0);
/// assert_eq!(heights.iter().sum::<f32>(), 5.25);
/// ```
pub struct AlignedVec<T> {
    /// As many as `len` numbers need. What is behind the last number is of no meaning.
    lines: Vec<CacheLine>,
    len: usize,
    huge: HugePages,
    number: PhantomData<T>,
}

/// How much is made room for before it is written: few enough lines that they still are in the nearest cache then.
const LINES_AT_ONCE: usize = 256;

impl<T: Plain> AlignedVec<T> {
    /// An empty one, without memory.
    pub const fn new() -> Self {
        AlignedVec { lines: Vec::new(), len: 0, huge: HugePages::TooSmall, number: PhantomData }
    }

    /// An empty one with room for this many numbers, rounded up to whole lines.
    ///
    /// # Panics
    /// As `Vec` does, if that is more than can be addressed.
    pub fn with_capacity(numbers: usize) -> Self {
        let mut vec = Self::new();
        vec.reserve(numbers);
        vec
    }

    /// This many zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut vec = Self::with_capacity(len);
        vec.lines.resize(lines_for::<T>(len), CacheLine::ZERO);
        vec.len = len;
        vec
    }

    /// How many numbers fit without asking the allocator: whole lines of them.
    pub fn capacity(&self) -> usize {
        self.lines.capacity() * T::PER_LINE
    }

    /// Makes room for this many more.
    ///
    /// # Panics
    /// As `Vec` does, if that is more than can be addressed.
    pub fn reserve(&mut self, additional: usize) {
        let wanted = self.len.checked_add(additional).expect("a vector of more numbers than can be counted");
        let lines = lines_for::<T>(wanted);
        if lines > self.lines.capacity() {
            self.grow(lines);
        }
    }

    /// Moves to memory for at least this many lines.
    #[cold]
    fn grow(&mut self, lines: usize) {
        let lines = lines.max(2 * self.lines.capacity());
        if lines.saturating_mul(size_of::<CacheLine>()) < HUGE_PAGE {
            self.lines.reserve_exact(lines - self.lines.len());
            return;
        }
        // Not by `Vec::reserve`, which would copy, and so touch, before anybody has asked for huge pages.
        let mut grown = Vec::with_capacity(lines);
        self.huge = huge::advise(grown.spare_capacity_mut());
        grown.extend_from_slice(&self.lines);
        self.lines = grown;
    }

    /// Appends a number.
    #[inline]
    pub fn push(&mut self, number: T) {
        if self.len == self.lines.len() * T::PER_LINE {
            self.reserve(1);
            self.lines.push(CacheLine::ZERO);
        }
        let len = self.len;
        self.len += 1;
        self[len] = number;
    }

    /// Appends a copy of these.
    pub fn extend_from_slice(&mut self, numbers: &[T]) {
        self.reserve(numbers.len());
        let mut rest = numbers;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(LINES_AT_ONCE * T::PER_LINE));
            self.lengthen(now.len()).copy_from_slice(now);
            rest = later;
        }
    }

    /// Makes it this long: cuts it, or fills it up with `number`.
    pub fn resize(&mut self, len: usize, number: T) {
        self.truncate(len);
        self.reserve(len - self.len);
        while self.len < len {
            let now = (len - self.len).min(LINES_AT_ONCE * T::PER_LINE);
            self.lengthen(now).fill(number);
        }
    }

    /// Makes it `more` longer, and gives the new part, whatever is in there. The room is there.
    fn lengthen(&mut self, more: usize) -> &mut [T] {
        let start = self.len;
        self.len += more;
        self.lines.resize(lines_for::<T>(self.len), CacheLine::ZERO);
        &mut self[start..]
    }

    /// Drops what is behind the first `len`. Keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.lines.truncate(lines_for::<T>(len));
        }
    }

    /// Drops all numbers. Keeps the memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// What became of the wish for huge pages, when its memory was last asked for.
    pub fn huge_pages(&self) -> HugePages {
        self.huge
    }

    /// How many bytes of it lie in huge pages at the moment; `None` where the system does not tell. Reads `/proc/self/smaps`, which takes
    /// milliseconds: for reports and tests.
    pub fn huge_bytes(&self) -> Option<usize> {
        huge::resident(&self.lines)
    }
}

fn lines_for<T: Plain>(numbers: usize) -> usize {
    numbers.div_ceil(T::PER_LINE)
}

impl<T: Plain> Deref for AlignedVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl<T: Plain> DerefMut for AlignedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl<T: Plain> Default for AlignedVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Plain> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<T: Plain> PartialEq for AlignedVec<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain> fmt::Debug for AlignedVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Plain> From<&[T]> for AlignedVec<T> {
    fn from(numbers: &[T]) -> Self {
        let mut vec = Self::new();
        vec.extend_from_slice(numbers);
        vec
    }
}

/// A copy: the memory of a `Vec` begins where it likes.
impl<T: Plain> From<Vec<T>> for AlignedVec<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::from(&numbers[..])
    }
}

/// A copy: a `Vec` frees its memory by the alignment of its numbers.
impl<T: Plain> From<AlignedVec<T>> for Vec<T> {
    fn from(numbers: AlignedVec<T>) -> Self {
        numbers.to_vec()
    }
}

impl<T: Plain> Extend<T> for AlignedVec<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, numbers: I) {
        let numbers = numbers.into_iter();
        self.reserve(numbers.size_hint().0);
        numbers.for_each(|number| self.push(number));
    }
}

impl<T: Plain> FromIterator<T> for AlignedVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        let mut vec = Self::new();
        vec.extend(numbers);
        vec
    }
}

impl<'a, T: Plain> IntoIterator for &'a AlignedVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Plain> Weigh for AlignedVec<T> {
    fn heap(&self) -> usize {
        self.lines.capacity() * size_of::<CacheLine>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    /// The vector does what a `Vec` does, at whole lines, whatever is done to it.
    fn does_as_a_vec<T: Plain>(seed: u64, make: impl Fn(u64) -> T) {
        let mut rng = Rng::new(seed);
        let (mut ours, mut oracle) = (AlignedVec::new(), Vec::new());
        for _ in 0..300 {
            let number = make(rng.number());
            let len = rng.below(700) as usize;
            match rng.below(6) {
                0 | 1 => (0..len % 70).for_each(|_| {
                    ours.push(number);
                    oracle.push(number);
                }),
                2 => {
                    let more: Vec<T> = (0..len).map(|n| make(n as u64)).collect();
                    ours.extend_from_slice(&more);
                    oracle.extend_from_slice(&more);
                }
                3 => {
                    ours.resize(len, number);
                    oracle.resize(len, number);
                }
                4 => {
                    ours.truncate(len);
                    oracle.truncate(len);
                }
                _ => {
                    ours.reserve(len);
                    assert!(ours.capacity() >= ours.len() + len);
                }
            }
            assert_eq!(&ours[..], oracle);
            assert_eq!(ours.as_ptr().addr() % 64, 0);
            assert_eq!(ours.heap() % 64, 0);
        }
    }

    #[test]
    fn it_does_what_a_vec_does_at_whole_lines() {
        does_as_a_vec(1, |n| n as u8);
        does_as_a_vec(2, |n| n as i16);
        does_as_a_vec(3, |n| n as f32);
        does_as_a_vec(4, |n| n);
        does_as_a_vec(5, |n| n as f64);
    }

    #[test]
    fn growing_over_the_size_of_a_huge_page_keeps_what_is_in_it() {
        let mut vec = AlignedVec::new();
        let numbers = (HUGE_PAGE / 8) as u64 + 9;
        vec.extend(0..numbers);
        assert_eq!(vec.len() as u64, numbers);
        assert!(vec.iter().copied().eq(0..numbers));
        assert_ne!(vec.huge_pages(), HugePages::TooSmall);
        vec.resize(1, 0);
        vec.resize(4, 7);
        assert_eq!(&vec[..], [0, 7, 7, 7], "what was cut does not come back");
    }

    #[test]
    fn where_the_system_grants_huge_pages_they_are_there() {
        let vec = AlignedVec::<u64>::zeroed(4 * HUGE_PAGE / 8);
        let huge = vec.huge_bytes();
        match vec.huge_pages() {
            // It may have none free; then it says zero, and never more than there is.
            HugePages::Advised => assert!(huge.is_none_or(|huge| huge <= 4 * HUGE_PAGE)),
            other => assert_eq!(huge.unwrap_or(0), 0, "{other}"),
        }
    }

    #[test]
    #[should_panic(expected = "more numbers than can be counted")]
    fn a_length_beyond_all_counting_is_refused() {
        AlignedVec::from(vec![1_u8]).reserve(usize::MAX);
    }
}
