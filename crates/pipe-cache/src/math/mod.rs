//! Elementary functions without branches and tables, so that the compiler computes a whole register of them at once.
//!
//! At most 2 ulp from the truth, see the tests; not-a-numbers, infinities, zeros of both signs and subnormal numbers are as IEEE 754 and C have
//! them. Where steps are fused they are rounded once on every processor, so all give the same bits.
//!
//! They are for loops that are compiled for a [`Level`](crate::Level): [`fused`](crate::fused()), [`Simd::map`](crate::Simd::map).
//! Elsewhere, and on processors without fused multiplication and addition, each fused step is a call into the C library, and the standard
//! library's functions are several times faster.
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

/// The floats that have these functions.
pub trait Math: Float {
    #[doc(hidden)]
    fn exp_of(self) -> Self;
    #[doc(hidden)]
    fn log_of(self) -> Self;
    #[doc(hidden)]
    fn tanh_of(self) -> Self;
    #[doc(hidden)]
    fn sigmoid_of(self) -> Self;
}

/// e to the `x`.
#[inline(always)]
pub fn exp<T: Math>(x: T) -> T {
    x.exp_of()
}

/// The natural logarithm.
#[inline(always)]
pub fn log<T: Math>(x: T) -> T {
    x.log_of()
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<T: Math>(x: T) -> T {
    x.tanh_of()
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid<T: Math>(x: T) -> T {
    x.sigmoid_of()
}

impl Math for f32 {
    #[inline(always)]
    fn exp_of(self) -> f32 {
        exp::exp_f32(self)
    }

    #[inline(always)]
    fn log_of(self) -> f32 {
        log::log_f32(self)
    }

    #[inline(always)]
    fn tanh_of(self) -> f32 {
        tanh::tanh_f32(self)
    }

    #[inline(always)]
    fn sigmoid_of(self) -> f32 {
        sigmoid::sigmoid_f32(self)
    }
}

impl Math for f64 {
    #[inline(always)]
    fn exp_of(self) -> f64 {
        exp::exp_f64(self)
    }

    #[inline(always)]
    fn log_of(self) -> f64 {
        log::log_f64(self)
    }

    #[inline(always)]
    fn tanh_of(self) -> f64 {
        tanh::tanh_f64(self)
    }

    #[inline(always)]
    fn sigmoid_of(self) -> f64 {
        sigmoid::sigmoid_f64(self)
    }
}
