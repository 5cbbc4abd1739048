//! The scalar product.

use super::lanes::{Lanes, fold_pairs, joined};
use pulp::{Arch, Simd, WithSimd};

/// The sum of the products, each rounded, added up in the lanes of a sum.
pub(crate) fn dot_in_lanes<T: Lanes>(arch: Arch, a: &[T], b: &[T]) -> f64 {
    arch.dispatch(Dot(a, b)).widen()
}

struct Dot<'b, T>(&'b [T], &'b [T]);

impl<T: Lanes> WithSimd for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        joined(fold_pairs(simd, self.0, self.1), T::plus)
    }
}
