//! Powers with one exponent for many numbers.

use super::exp::exp_f64;
use super::log::log_f64;

/// Raises an `f32` to one exponent: in `f64`, where e to the (exponent times logarithm) has digits to spare.
#[derive(Clone, Copy)]
pub(crate) struct Raised {
    exponent: f64,
    /// By the sign of `x`: an odd power keeps it, the others drop it.
    below_zero: f32,
    /// Of a negative number only a whole power is real, except at the end of the range.
    of_negative: f32,
}

impl Raised {
    /// `None` for exponents that no formula holds for: zero, infinities, what is not a number.
    pub(crate) fn to(exponent: f32) -> Option<Self> {
        let is_whole = exponent.fract() == 0.0;
        let is_odd = is_whole && exponent.abs() < 16_777_216.0 && exponent as i64 % 2 != 0;
        let raised = Raised {
            exponent: f64::from(exponent),
            below_zero: if is_odd { -1.0 } else { 1.0 },
            of_negative: if is_whole { 1.0 } else { f32::NAN },
        };
        (exponent != 0.0 && exponent.is_finite()).then_some(raised)
    }

    /// The power of `x`.
    #[inline(always)]
    pub(crate) fn of(self, x: f32) -> f32 {
        let y = exp_f64(self.exponent * log_f64(f64::from(x.abs()))) as f32;
        let y = if x.is_sign_negative() { self.below_zero * y } else { y };
        if x < 0.0 && x > f32::NEG_INFINITY { self.of_negative * y } else { y }
    }
}
