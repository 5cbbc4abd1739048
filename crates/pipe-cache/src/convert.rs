//! From one type of numbers to another.

use crate::simd::Simd;
use pipe_core::kernel::{FromNumber, Number};
use pulp::WithSimd;

impl Simd {
    /// Makes of each number one of another type, as [`FromNumber`] says, for as many as both have. Round floats before, with a program, if you want them
    /// rounded and not cut.
    ///
    /// ```
    /// let mut levels = [0_u8; 4];
    /// pipe_cache::Simd::best().convert(&[0.9_f32, 255.0, 300.0, -1.0], &mut levels);
    /// assert_eq!(levels, [0, 255, 255, 0]);
    /// ```
    pub fn convert<T: Number, U: FromNumber<T>>(&self, from: &[T], to: &mut [U]) {
        self.arch().dispatch(Convert { from, to });
    }

    /// `y[i] = f(x[i], y[i])`, for as many as both have: a formula of two columns, in one pass. What the closure calls has to be inlined, as in
    /// [`map`](Simd::map).
    ///
    /// ```
    /// let mut lengths = [4.0_f32, 12.0];
    /// pipe_cache::Simd::best().map_with(&[3.0_f32, 5.0], &mut lengths, |x, y| (x * x + y * y).sqrt());
    /// assert_eq!(lengths, [5.0, 13.0]);
    /// ```
    pub fn map_with<T: Copy, U: Copy>(&self, x: &[T], y: &mut [U], f: impl Fn(T, U) -> U) {
        self.arch().dispatch(MapWith { x, y, f });
    }
}

struct Convert<'b, T, U> {
    from: &'b [T],
    to: &'b mut [U],
}

impl<T: Number, U: FromNumber<T>> WithSimd for Convert<'_, T, U> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = U::from_number(*from);
        }
    }
}

struct MapWith<'b, T, U, F> {
    x: &'b [T],
    y: &'b mut [U],
    f: F,
}

impl<T: Copy, U: Copy, F: Fn(T, U) -> U> WithSimd for MapWith<'_, T, U, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = (self.f)(*x, *y);
        }
    }
}
