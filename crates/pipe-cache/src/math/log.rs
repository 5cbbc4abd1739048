//! The natural logarithm: k ln 2 + ln m, where x = 2^k m and m is between sqrt(1/2) and sqrt(2).
//!
//! ln m is computed from s = (m - 1) / (m + 1), as in fdlibm (Sun Microsystems, 1993): `__ieee754_log`, and `__ieee754_logf` for `f32`.

/// The bits of sqrt(1/2), which m starts at.
const LEAST_F32: u32 = 0x3f35_04f3;
const LEAST_F64: u64 = 0x3fe6_a09e_0000_0000;

#[inline(always)]
pub(super) fn log_f32(x: f32) -> f32 {
    let is_subnormal = x < f32::MIN_POSITIVE;
    let bits = (if is_subnormal { x * 33_554_432.0 } else { x }).to_bits();
    let bits = bits.wrapping_add(0x3f80_0000 - LEAST_F32);
    let k = ((bits >> 23) as i32 - if is_subnormal { 127 + 25 } else { 127 }) as f32;
    let f = f32::from_bits((bits & 0x007f_ffff) + LEAST_F32) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (0.400_009_72 + w * 0.242_790_79);
    let odd = z * (0.666_666_6 + w * 0.284_987_87);
    let half = 0.5 * f * f;
    let y = s * (half + (even + odd)) + k * 9.058_001e-6 - half + f + k * 6.931_381e-1;
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x < 0.0 { f32::NAN } else { y };
    if x == 0.0 { f32::NEG_INFINITY } else { y }
}

#[inline(always)]
pub(super) fn log_f64(x: f64) -> f64 {
    let is_subnormal = x < f64::MIN_POSITIVE;
    let bits = (if is_subnormal { x * 18_014_398_509_481_984.0 } else { x }).to_bits();
    let bits = bits.wrapping_add(0x3ff0_0000_0000_0000 - LEAST_F64);
    let k = f64::from((bits >> 52) as i32 - if is_subnormal { 1023 + 54 } else { 1023 });
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + LEAST_F64) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even =
        w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let odd = z
        * (6.666_666_666_666_735e-1
            + w * (2.857_142_874_366_239e-1
                + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1)));
    let half = 0.5 * f * f;
    let y =
        s * (half + (even + odd)) + k * 1.908_214_929_270_587_7e-10 - half + f + k * 6.931_471_803_691_238e-1;
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x < 0.0 { f64::NAN } else { y };
    if x == 0.0 { f64::NEG_INFINITY } else { y }
}
