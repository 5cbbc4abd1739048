//! 1 / (1 + e^-x), from e^-|x| alone, so that nothing overflows and results near 0 keep their digits: e / (1 + e) below zero.
//!
//! What 1 + e loses in rounding is put back behind the division: the quotient by d + c is that by d, less its part c / d.

use super::exp::{exp_f32, exp_f64};

#[inline(always)]
pub(super) fn sigmoid_f32(x: f32) -> f32 {
    let e = exp_f32(-x.abs());
    let d = 1.0 + e;
    let lost = e - (d - 1.0);
    let q = (if x < 0.0 { e } else { 1.0 }) / d;
    let inverse = if x < 0.0 { 1.0 - q } else { q };
    q - q * (lost * inverse)
}

#[inline(always)]
pub(super) fn sigmoid_f64(x: f64) -> f64 {
    let e = exp_f64(-x.abs());
    let d = 1.0 + e;
    let lost = e - (d - 1.0);
    let q = (if x < 0.0 { e } else { 1.0 }) / d;
    let inverse = if x < 0.0 { 1.0 - q } else { q };
    q - q * (lost * inverse)
}
