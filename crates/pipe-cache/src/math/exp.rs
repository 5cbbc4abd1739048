//! e to the x: 2^k times e^r, where x = k ln 2 + r and |r| is at most half of ln 2.
//!
//! ln 2 comes in two parts, the first so short that k times it is exact. 2^k comes in two halves, so that results near both ends of
//! the range are rounded once. k is taken from the last bits of x / ln 2 + 1.5 * 2^(bits of the fraction - 1), which has no room for others.

/// In fused steps, each rounded once, of which there are 8: the same bits wherever `mul_add` is what IEEE 754 says. The polynomial is a minimax
/// approximation of this project, of degree 6, off by a twentieth of an ulp at most.
///
/// 2^k comes in two factors, so that results near both ends of the range are rounded once: the first is 2^(k - 64) or 2^(k + 64), so
/// that its exponent has room, and the second takes back the 64.
#[inline(always)]
pub(super) fn exp_f32(x: f32) -> f32 {
    // 254 are twice the bias of an exponent: one goes with the second factor, one is that of the first.
    const MAGIC: f32 = 12_582_912.0 + 254.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // 2^64 and 2^-64.
    const UP: f32 = 18_446_744_073_709_551_616.0;
    const DOWN: f32 = 1.0 / UP;
    // Beyond these the result is infinite or zero. Not a number stays what it is.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let t = x.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let k = t - MAGIC;
    let r = k.mul_add(-LN2_HIGH, x);
    let r = k.mul_add(-LN2_LOW, r);
    let p = 1.381_451_1e-3_f32;
    let p = p.mul_add(r, 8.368_704_5e-3);
    let p = p.mul_add(r, 4.166_833e-2);
    let p = p.mul_add(r, 1.666_652_1e-1);
    let p = p.mul_add(r, 0.499_999_94);
    let p = p.mul_add(r, 1.0);
    let y = p.mul_add(r, 1.0);
    let second = if x < 0.0 { DOWN } else { UP };
    let first = f32::from_bits((t.to_bits() << 23).wrapping_sub(second.to_bits()));
    y * first * second
}

/// The rational function is that of `__ieee754_exp` in fdlibm (Sun Microsystems, 1993).
#[inline(always)]
pub(super) fn exp_f64(x: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let t = x * std::f64::consts::LOG2_E + MAGIC;
    let k = t - MAGIC;
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let r = high - low;
    let z = r * r;
    let p = 4.138_136_797_057_238_5e-8;
    let p = p * z - 1.653_390_220_546_525_2e-6;
    let p = p * z + 6.613_756_321_437_934e-5;
    let p = p * z - 2.777_777_777_701_559_3e-3;
    let p = p * z + 1.666_666_666_666_660_2e-1;
    let c = r - z * p;
    let y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    // Halved as an unsigned number: not every level shifts signed ones of this width.
    let k = t.to_bits().wrapping_sub(MAGIC.to_bits());
    let half = (k.wrapping_add(2048) >> 1).wrapping_sub(1024);
    let power = |k: u64| f64::from_bits(k.wrapping_add(1023) << 52);
    y * power(half) * power(k.wrapping_sub(half))
}
