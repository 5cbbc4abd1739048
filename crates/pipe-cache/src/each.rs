//! One number after the other, in registers of any width.
//!
//! What is compiled for a level has to be inlined into the function that pulp makes for it. So loops are `#[inline(always)]` methods of structs: the
//! closures that pulp takes as well are called through a shim, which the compiler inlines only while they are small. A program of twenty
//! operations in a closure ran at the lowest level on every processor, and nothing but the clock said so.

use crate::ahead::in_pieces;
use pipe_core::kernel::Number;
use pulp::{Simd, WithSimd};

/// Each number becomes another one.
#[inline(always)]
pub(crate) fn each<T: Copy>(tile: &mut [T], f: impl Fn(T) -> T) {
    for x in tile {
        *x = f(*x);
    }
}

/// [`each`] on a level.
pub(crate) struct Each<'b, T, F> {
    pub(crate) block: &'b mut [T],
    pub(crate) f: F,
}

impl<T: Copy, F: Fn(T) -> T> WithSimd for Each<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        in_pieces(
            self.block,
            #[inline(always)]
            |piece| each(piece, &self.f),
        );
    }
}

/// `y = a * x + y`.
pub(crate) struct Axpy<'b, T> {
    pub(crate) a: T,
    pub(crate) x: &'b [T],
    pub(crate) y: &'b mut [T],
}

impl<T: Number> WithSimd for Axpy<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = self.a.times(*x).plus(*y);
        }
    }
}
