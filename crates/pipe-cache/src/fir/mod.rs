//! Filters with a finite impulse response.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use crate::element::Element;
use crate::reduce::Lanes;
use crate::simd::Simd;
use pipe_core::kernel::Number;
use pulp::bytemuck::cast_slice;
use pulp::{Arch, WithSimd, as_arrays};

#[cfg(not(target_arch = "x86_64"))]
use other as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

impl Simd {
    /// A filter with a finite impulse response: `out[i] = taps[0] * x[i + n - 1] + taps[1] * x[i + n - 2] + .. + taps[n - 1] * x[i]`,
    /// where n is the number of taps. Each product is added to the sum of those before it, from 0 on, and rounded once ([`mul_add`](f32::mul_add)): the same bits on every level,
    /// which costs a processor without that instruction some nanoseconds each.
    ///
    /// Only outputs for which all of `x` is there: NumPy's `convolve(x, taps, "valid")`. Takes time in proportion to outputs times taps, and
    /// is meant for up to some hundred of these; beyond, a Fourier transform is faster.
    ///
    /// ```
    /// let mut slopes = [0.0_f32; 3];
    /// pipe_cache::Simd::best().fir(&[1.0, -1.0], &[1.0, 4.0, 9.0, 16.0], &mut slopes);
    /// assert_eq!(slopes, [3.0, 5.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// If `out` has not as many numbers as there are outputs: `x.len() + 1 - taps.len()`, none for fewer numbers than taps, and none without
    /// taps.
    pub fn fir<T: Element>(&self, taps: &[T], x: &[T], out: &mut [T]) {
        let outputs = if taps.is_empty() { 0 } else { (x.len() + 1).saturating_sub(taps.len()) };
        assert_eq!(out.len(), outputs, "{} numbers and {} taps give {outputs} outputs", x.len(), taps.len());
        T::fir_on(self.arch(), taps, x, out);
    }
}

/// That of floats.
pub(crate) fn fir_in_lanes<T: Lanes>(arch: Arch, taps: &[T], x: &[T], out: &mut [T]) {
    machine::fir(arch, Fir { taps, x, out });
}

/// That of integers: a plain loop for the level.
pub(crate) fn fir<T: Number>(arch: Arch, taps: &[T], x: &[T], out: &mut [T]) {
    arch.dispatch(FirLoop { taps, x, out });
}

struct FirLoop<'b, T> {
    taps: &'b [T],
    x: &'b [T],
    out: &'b mut [T],
}

impl<T: Number> WithSimd for FirLoop<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let FirLoop { taps, x, out } = self;
        if out.is_empty() {
            return;
        }
        out.fill(T::default());
        for (at, tap) in taps.iter().rev().enumerate() {
            for (out, x) in out.iter_mut().zip(&x[at..]) {
                *out = tap.times_plus(*x, *out);
            }
        }
    }
}

struct Fir<'b, T> {
    taps: &'b [T],
    x: &'b [T],
    out: &'b mut [T],
}

/// Registers of outputs that are computed together: enough to hide the latency of an addition.
const REGISTERS: usize = 8;

impl<T: Lanes> WithSimd for Fir<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let Fir { taps, x, out } = self;
        let group = REGISTERS * size_of::<T::Vector<S>>() / size_of::<T>();
        let whole = out.len() / group * group;
        let (front, rest) = out.split_at_mut(whole);
        for (at, out) in front.chunks_exact_mut(group).enumerate() {
            let x = &x[at * group..at * group + group + taps.len() - 1];
            let mut sums = [T::splat(simd, T::default()); REGISTERS];
            for (at, tap) in taps.iter().rev().enumerate().rev() {
                let tap = T::splat(simd, *tap);
                let (under, _) = as_arrays::<REGISTERS, _>(T::vectors::<S>(&x[at..at + group]));
                for (sum, x) in sums.iter_mut().zip(&under[0]) {
                    *sum = T::mul_add(simd, tap, *x, *sum);
                }
            }
            out.copy_from_slice(cast_slice(&sums));
        }
        for (at, out) in rest.iter_mut().enumerate() {
            let under = &x[whole + at..whole + at + taps.len()];
            let pairs = taps.iter().zip(under.iter().rev());
            *out = pairs.fold(T::default(), |sum, (tap, x)| tap.times_plus(*x, sum));
        }
    }
}
