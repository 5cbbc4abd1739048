//! The sum.

use super::lanes::{Fold, Lanes, fold, fold_on, joined};
use pipe_core::kernel::LANES;
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

/// The same of a block that is lent in parts, one behind the other: each but the last of whole lanes.
pub(crate) fn sum_of_parts<T: Lanes>(arch: Arch, parts: impl FnOnce(&mut dyn FnMut(&[T]))) -> f64 {
    let mut lanes = [T::default(); LANES];
    parts(&mut |part| lanes = arch.dispatch(MoreIn { lanes, part }));
    joined(lanes, T::plus).widen()
}

struct MoreIn<'p, T> {
    lanes: [T; LANES],
    part: &'p [T],
}

impl<T: Lanes> WithSimd for MoreIn<'_, T> {
    type Output = [T; LANES];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [T; LANES] {
        fold_on(simd, self.lanes, self.part, Adding)
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
