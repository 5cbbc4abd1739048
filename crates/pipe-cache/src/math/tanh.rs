//! The hyperbolic tangent: near 0 an odd polynomial or rational function (those of `tanhf` and `tanh` in Cephes, Moshier, 1989), else from e
//! to the 2x. Both are computed and one is taken.

use super::exp::{exp_f32, exp_f64};

#[inline(always)]
pub(super) fn tanh_f32(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let near = a + a * (z * p);
    let far = 1.0 - 2.0 / (exp_f32(a + a) + 1.0);
    (if a < 0.625 { near } else { far }).copysign(x)
}

#[inline(always)]
pub(super) fn tanh_f64(x: f64) -> f64 {
    let a = x.abs();
    let z = a * a;
    let p = (-9.643_991_794_250_523e-1 * z - 9.928_772_310_019_185e1) * z - 1.614_687_684_417_084_5e3;
    let q = ((z + 1.128_116_784_916_329_3e2) * z + 2.235_488_390_601_004_5e3) * z + 4.844_063_053_251_255e3;
    let near = a + a * (z * (p / q));
    let far = 1.0 - 2.0 / (exp_f64(a + a) + 1.0);
    (if a < 0.625 { near } else { far }).copysign(x)
}
