//! The least and the greatest number.

use super::lanes::{Fold, Lanes, fold_both, joined};
use pulp::{Arch, Simd, WithSimd};

/// Those of a block; what is not a number is passed over.
pub(crate) fn extremes_in_lanes<T: Lanes>(arch: Arch, block: &[T]) -> Option<(T, T)> {
    let (low, high) = arch.dispatch(Extremes(block));
    // Both as they began: there was no number.
    (low <= high).then_some((low, high))
}

struct Extremes<'b, T>(&'b [T]);

impl<T: Lanes> WithSimd for Extremes<'_, T> {
    type Output = (T, T);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (T, T) {
        let (low, high) = fold_both(simd, self.0, Least, Greatest);
        (joined(low, |all, x| Least.lane(all, x)), joined(high, |all, x| Greatest.lane(all, x)))
    }
}

#[derive(Clone, Copy)]
struct Least;

impl<T: Lanes> Fold<T> for Least {
    #[inline(always)]
    fn start(self) -> T {
        T::nearest(f64::INFINITY)
    }

    #[inline(always)]
    fn vector<S: Simd>(self, simd: S, all: T::Vector<S>, x: T::Vector<S>) -> T::Vector<S> {
        T::lesser(simd, x, all)
    }

    #[inline(always)]
    fn lane(self, all: T, x: T) -> T {
        if x < all { x } else { all }
    }
}

#[derive(Clone, Copy)]
struct Greatest;

impl<T: Lanes> Fold<T> for Greatest {
    #[inline(always)]
    fn start(self) -> T {
        T::nearest(f64::NEG_INFINITY)
    }

    #[inline(always)]
    fn vector<S: Simd>(self, simd: S, all: T::Vector<S>, x: T::Vector<S>) -> T::Vector<S> {
        T::greater(simd, x, all)
    }

    #[inline(always)]
    fn lane(self, all: T, x: T) -> T {
        if x > all { x } else { all }
    }
}
