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
    /// where n is the number of taps. Each product is added to the sum of those before it, from 0 on, and rounded once
    /// ([`mul_add`](f32::mul_add)): the same bits on every level, which costs a processor without that instruction some nanoseconds each.
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

/// That of integers: pipe-core's own loop. Written for a level it was slower.
pub(crate) fn fir<T: Number>(taps: &[T], x: &[T], out: &mut [T]) {
    for (out, x) in out.iter_mut().zip(x.windows(taps.len().max(1))) {
        let pairs = taps.iter().zip(x.iter().rev());
        *out = pairs.fold(T::default(), |sum, (tap, x)| tap.times_plus(*x, sum));
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
        let mut done = 0;
        while done < out.len() && out.len() >= group {
            // The last ones begin among outputs that are there, and compute them again.
            let start = done.min(out.len() - group);
            done = start + group;
            let x = &x[start..done + taps.len() - 1];
            let mut sums = [T::splat(simd, T::default()); REGISTERS];
            for (at, tap) in taps.iter().rev().enumerate().rev() {
                let tap = T::splat(simd, *tap);
                let (under, _) = as_arrays::<REGISTERS, _>(T::vectors::<S>(&x[at..at + group]));
                for (sum, x) in sums.iter_mut().zip(&under[0]) {
                    *sum = T::mul_add(simd, tap, *x, *sum);
                }
            }
            out[start..done].copy_from_slice(cast_slice(&sums));
        }
        for (out, under) in out[done..].iter_mut().zip(x[done..].windows(taps.len().max(1))) {
            let pairs = taps.iter().zip(under.iter().rev());
            *out = pairs.fold(T::default(), |sum, (tap, x)| tap.times_plus(*x, sum));
        }
    }
}
