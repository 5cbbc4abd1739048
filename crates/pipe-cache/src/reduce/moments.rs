//! Mean and variance.

use super::lanes::{Fold, Lanes, fold, joined};
use super::sum::sum_in_lanes;
use pipe_core::kernel::Moments;
use pulp::{Arch, Simd, WithSimd};

/// Those of a block, as pipe-core's `Moments::of` defines them.
pub(crate) fn moments_in_lanes<T: Lanes>(arch: Arch, block: &[T]) -> Moments {
    if block.is_empty() {
        return Moments::default();
    }
    let mean = sum_in_lanes(arch, block) / block.len() as f64;
    let squares = arch.dispatch(Squares { block, centre: T::nearest(mean) }).widen();
    Moments::new(block.len() as u64, mean, squares)
}

/// The sum of the squares of the distances to the centre.
struct Squares<'b, T> {
    block: &'b [T],
    centre: T,
}

impl<T: Lanes> WithSimd for Squares<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        joined(fold(simd, self.block, Distance(self.centre)), T::plus)
    }
}

#[derive(Clone, Copy)]
struct Distance<T>(T);

impl<T: Lanes> Fold<T> for Distance<T> {
    #[inline(always)]
    fn start(self) -> T {
        T::default()
    }

    #[inline(always)]
    fn vector<S: Simd>(self, simd: S, all: T::Vector<S>, x: T::Vector<S>) -> T::Vector<S> {
        let distance = T::sub(simd, x, T::splat(simd, self.0));
        T::add(simd, all, T::mul(simd, distance, distance))
    }

    #[inline(always)]
    fn lane(self, all: T, x: T) -> T {
        let distance = x.minus(self.0);
        all.plus(distance.times(distance))
    }
}
