//! How many numbers compare so with a bound.

use crate::element::Element;
use crate::simd::Simd;
use pipe_core::kernel::Compare;
use pulp::WithSimd;

impl Simd {
    /// Counts the numbers for which `compare` holds against `bound`. For bytes that are equal to one, [`count_byte`](Simd::count_byte) is faster.
    ///
    /// ```
    /// use pipe_core::kernel::Compare;
    ///
    /// let readings = [21.5_f32, 30.0, 28.0, 33.5];
    /// assert_eq!(pipe_cache::Simd::best().count(Compare::Greater, 29.0, &readings), 2);
    /// ```
    pub fn count<T: Element>(&self, compare: Compare, bound: T, block: &[T]) -> u64 {
        self.arch().dispatch(Count { compare, bound, block })
    }
}

struct Count<'b, T> {
    compare: Compare,
    bound: T,
    block: &'b [T],
}

impl<T: Element> WithSimd for Count<'_, T> {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> u64 {
        let Count { compare, bound, block } = self;
        match compare {
            Compare::Less => count(
                block,
                #[inline(always)]
                |x| x < bound,
            ),
            Compare::LessOrEqual => count(
                block,
                #[inline(always)]
                |x| x <= bound,
            ),
            Compare::Equal => count(
                block,
                #[inline(always)]
                |x| x == bound,
            ),
            Compare::NotEqual => count(
                block,
                #[inline(always)]
                |x| x != bound,
            ),
            Compare::GreaterOrEqual => count(
                block,
                #[inline(always)]
                |x| x >= bound,
            ),
            Compare::Greater => count(
                block,
                #[inline(always)]
                |x| x > bound,
            ),
        }
    }
}

/// In pieces that a narrow counter has room for: as many of them fit into a register as there are bytes, or half as many.
#[inline(always)]
fn count<T: Copy>(block: &[T], holds: impl Fn(T) -> bool) -> u64 {
    let mut all = 0;
    if size_of::<T>() == 1 {
        for piece in block.chunks(255) {
            all += u64::from(piece.iter().fold(0_u8, |sum, x| sum + u8::from(holds(*x))));
        }
    } else {
        for piece in block.chunks(1 << 16) {
            all += u64::from(piece.iter().fold(0_u32, |sum, x| sum + u32::from(holds(*x))));
        }
    }
    all
}
