//! From one type of numbers to another.

use crate::element::Element;
use crate::simd::Simd;
use pulp::WithSimd;

/// Numbers that can be made of others, as `as` does it: the nearest one where a float is too narrow; a float becomes an integer without
/// what is behind its point, and beyond the range the last one there; an integer that is too wide loses its upper bits; what is not a
/// number becomes 0.
pub trait FromNumber<T>: Element {
    /// What becomes of it.
    fn from_number(x: T) -> Self;
}

macro_rules! from_all {
    ($($to:ident)+) => { $( from_each!($to: f32 f64 i32 i64 u8 u16); )+ };
}
macro_rules! from_each {
    ($to:ident: $($from:ident)+) => { $(
        impl FromNumber<$from> for $to {
            #[inline(always)]
            #[expect(clippy::allow_attributes, reason = "the cast does nothing where both are the same")]
            #[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "see above")]
            fn from_number(x: $from) -> $to {
                x as $to
            }
        }
    )+ };
}
// For example: impl FromNumber<u8> for f32 { fn from_number(x: u8) -> f32 { x as f32 } }
from_all!(f32 f64 i32 i64 u8 u16);

impl Simd {
    /// Makes of each number one of another type, as `as` does, for as many as both have. Round floats before, with a program, if you want them
    /// rounded and not cut.
    ///
    /// ```
    /// let mut levels = [0_u8; 4];
    /// pipe_cache::Simd::best().convert(&[0.9_f32, 255.0, 300.0, -1.0], &mut levels);
    /// assert_eq!(levels, [0, 255, 255, 0]);
    /// ```
    pub fn convert<T: Element, U: FromNumber<T>>(&self, from: &[T], to: &mut [U]) {
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

impl<T: Element, U: FromNumber<T>> WithSimd for Convert<'_, T, U> {
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
