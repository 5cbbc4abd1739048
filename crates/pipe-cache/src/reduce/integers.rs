//! Sums and extremes of integers, in any order: it makes no difference, so the compiler finds the best one for each level.

use pulp::{Arch, Simd, WithSimd};
use std::marker::PhantomData;
use std::ops::Add;

/// Adds up pieces of this many numbers in `W`, which has room for them.
pub(crate) fn sum_in<W, T>(arch: Arch, piece: usize, block: &[T]) -> i128
where
    T: Copy,
    W: Add<Output = W> + Default + From<T>,
    i128: From<W>,
{
    arch.dispatch(Sum::<T, W> { block, piece, wide: PhantomData })
}

struct Sum<'b, T, W> {
    block: &'b [T],
    piece: usize,
    wide: PhantomData<W>,
}

impl<T, W> WithSimd for Sum<'_, T, W>
where
    T: Copy,
    W: Add<Output = W> + Default + From<T>,
    i128: From<W>,
{
    type Output = i128;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> i128 {
        let mut all = 0;
        for piece in self.block.chunks(self.piece) {
            let mut sum = W::default();
            for x in piece {
                sum = sum + W::from(*x);
            }
            all += i128::from(sum);
        }
        all
    }
}

/// The least and the greatest number.
pub(crate) fn extremes<T: Ord + Copy>(arch: Arch, block: &[T]) -> Option<(T, T)> {
    let first = *block.first()?;
    Some(arch.dispatch(Extremes { first, block }))
}

struct Extremes<'b, T> {
    first: T,
    block: &'b [T],
}

impl<T: Ord + Copy> WithSimd for Extremes<'_, T> {
    type Output = (T, T);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (T, T) {
        let (mut low, mut high) = (self.first, self.first);
        for x in self.block {
            low = low.min(*x);
            high = high.max(*x);
        }
        (low, high)
    }
}
