//! The sum.

use super::lanes::{Fold, Lanes, fold, joined};
use pulp::{Arch, Simd, WithSimd};

/// The sum of a block, as pipe-core's `Sum` defines it.
pub(crate) fn sum_in_lanes<T: Lanes>(arch: Arch, block: &[T]) -> f64 {
    arch.dispatch(Sum(block)).widen()
}

struct Sum<'b, T>(&'b [T]);

impl<T: Lanes> WithSimd for Sum<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        joined(fold(simd, self.0, Adding), T::plus)
    }
}

#[derive(Clone, Copy)]
struct Adding;

impl<T: Lanes> Fold<T> for Adding {
    #[inline(always)]
    fn start(self) -> T {
        T::default()
    }

    #[inline(always)]
    fn vector<S: Simd>(self, simd: S, all: T::Vector<S>, x: T::Vector<S>) -> T::Vector<S> {
        T::add(simd, all, x)
    }

    #[inline(always)]
    fn lane(self, all: T, x: T) -> T {
        all.plus(x)
    }
}
