//! Elementary functions without branches and tables, so that the compiler computes a whole register of them at once.
//!
//! At most 2 ulp from the truth, see the tests; not-a-numbers, infinities, zeros of both signs and subnormal numbers are as IEEE 754 and C have
//! them. Where steps are fused they are rounded once on every processor, so all give the same bits.
//!
//! They are for loops that are compiled for a [`Level`](crate::Level): [`fused`](crate::fused()), [`Simd::map`](crate::Simd::map). Elsewhere, and on processors without fused
//! multiplication and addition, each fused step is a call into the C library, and the standard library's functions are several times faster.
//!
//! ```
//! use pipe_cache::math;
//!
//! assert_eq!(math::exp(0.0_f32), 1.0);
//! assert!((math::log(math::exp(2.5_f64)) - 2.5).abs() < 1e-15);
//! ```

mod exp;
mod log;
mod pow;
mod sigmoid;
mod tanh;

pub(crate) use pow::Raised;

use pipe_core::kernel::Float;

/// e to the `x`.
#[inline(always)]
pub fn exp<T: Float>(x: T) -> T {
    by_width(x, exp::exp_f32, exp::exp_f64)
}

/// The natural logarithm.
#[inline(always)]
pub fn log<T: Float>(x: T) -> T {
    by_width(x, log::log_f32, log::log_f64)
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<T: Float>(x: T) -> T {
    by_width(x, tanh::tanh_f32, tanh::tanh_f64)
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid<T: Float>(x: T) -> T {
    by_width(x, sigmoid::sigmoid_f32, sigmoid::sigmoid_f64)
}

/// The function for floats of this width. There are two, and the width is known when this is compiled; an `f32` becomes an `f64` and the same
/// `f32` again, which the compiler leaves out.
#[inline(always)]
fn by_width<T: Float>(x: T, narrow: impl Fn(f32) -> f32, wide: impl Fn(f64) -> f64) -> T {
    if size_of::<T>() == size_of::<f32>() {
        T::nearest(f64::from(narrow(f32::nearest(x.widen()))))
    } else {
        T::nearest(wide(x.widen()))
    }
}
