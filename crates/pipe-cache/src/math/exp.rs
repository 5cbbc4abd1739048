//! e to the x: 2^k times e^r, where x = k ln 2 + r and |r| is at most half of ln 2.
//!
//! ln 2 comes in two parts, the first so short that k times it is exact. 2^k comes in two halves, so that results near both ends of
//! the range are rounded once. k is taken from the last bits of x / ln 2 + 1.5 * 2^(bits of the fraction - 1), which has no room for others.

/// The polynomial is that of `expf` in Cephes (Moshier, 1989).
#[inline(always)]
pub(super) fn exp_f32(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Beyond these the result is infinite or zero. Not a number stays what it is.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let t = x * std::f32::consts::LOG2_E + MAGIC;
    let k = t - MAGIC;
    let (high, low) = (x - k * LN2_HIGH, k * LN2_LOW);
    let r = high - low;
    // What rounding has taken from r, a quarter of an ulp of the result.
    let lost = (high - r) - low;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = (p * (r * r) + lost) + r + 1.0;
    let k = (t.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32);
    let half = k >> 1;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) as u32) << 23);
    y * power(half) * power(k.wrapping_sub(half))
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
