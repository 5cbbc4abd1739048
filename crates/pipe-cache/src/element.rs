//! What the kernels need of a type of numbers beyond its arithmetic.

use crate::each::each;
use crate::fir::{fir, fir_in_lanes};
use crate::math::{self, Raised};
use crate::reduce::{
    compensated_in_lanes, dot_in_lanes, extremes, extremes_in_lanes, moments_in_lanes, sum_in, sum_in_lanes,
    sum_of_parts,
};
use crate::retain::{retain, retain_f32, retain_f64};
use crate::stencil::{InRegisters, Stencil};
use crate::windows::{WindowSums, window_sums_in_lanes};
use pipe_core::kernel::{Compare, Compensated, FloatOp, Moments, Number};
use pulp::Arch;

/// The numbers that this crate computes with: all that pipe-core has.
pub trait Element: Number {
    #[doc(hidden)]
    fn only_tile(op: Self::Only, tile: &mut [Self]);
    #[doc(hidden)]
    fn retain_on(arch: Arch, compare: Compare, bound: Self, block: &mut [Self]) -> usize;
    #[doc(hidden)]
    fn sum_on(arch: Arch, block: &[Self]) -> Self::Total;
    #[doc(hidden)]
    fn sum_of_parts_on(arch: Arch, parts: impl FnOnce(&mut dyn FnMut(&[Self]))) -> Self::Total;
    #[doc(hidden)]
    fn compensated_on(arch: Arch, block: &[Self]) -> Compensated;
    #[doc(hidden)]
    fn dot_on(arch: Arch, a: &[Self], b: &[Self]) -> Self::Total;
    #[doc(hidden)]
    fn fir_on(arch: Arch, taps: &[Self], x: &[Self], out: &mut [Self]);
    #[doc(hidden)]
    fn window_sums_on(arch: Arch, sums: WindowSums<'_, Self>);
    #[doc(hidden)]
    fn min_max_on(arch: Arch, block: &[Self]) -> Option<(Self, Self)>;
    #[doc(hidden)]
    fn moments_on(arch: Arch, block: &[Self]) -> Moments;
    #[doc(hidden)]
    fn stencil_on(arch: Arch, stencil: Stencil<'_, Self>);
}

macro_rules! float {
    ($float:ty, $pow:ident, $retain:ident) => {
        impl Element for $float {
            #[inline(always)]
            fn only_tile(op: FloatOp<Self>, tile: &mut [Self]) {
                match op {
                    FloatOp::Div(by) => each(
                        tile,
                        #[inline(always)]
                        |x| x / by,
                    ),
                    FloatOp::Sqrt => each(
                        tile,
                        #[inline(always)]
                        |x| x.sqrt(),
                    ),
                    FloatOp::Exp => each(
                        tile,
                        #[inline(always)]
                        |x| math::exp(x),
                    ),
                    FloatOp::Log => each(
                        tile,
                        #[inline(always)]
                        |x| math::log(x),
                    ),
                    FloatOp::Tanh => each(
                        tile,
                        #[inline(always)]
                        |x| math::tanh(x),
                    ),
                    FloatOp::Sigmoid => each(
                        tile,
                        #[inline(always)]
                        |x| math::sigmoid(x),
                    ),
                    FloatOp::Pow(exponent) => $pow(exponent, tile),
                    FloatOp::Floor => each(
                        tile,
                        #[inline(always)]
                        |x| x.floor(),
                    ),
                    FloatOp::Ceil => each(
                        tile,
                        #[inline(always)]
                        |x| x.ceil(),
                    ),
                    FloatOp::Round => each(
                        tile,
                        #[inline(always)]
                        |x| x.round_ties_even(),
                    ),
                    FloatOp::Trunc => each(
                        tile,
                        #[inline(always)]
                        |x| x.trunc(),
                    ),
                    op => each(tile, |x| x.only(op)),
                }
            }

            fn retain_on(arch: Arch, compare: Compare, bound: Self, block: &mut [Self]) -> usize {
                $retain(arch, compare, bound, block)
            }

            fn sum_on(arch: Arch, block: &[Self]) -> f64 {
                sum_in_lanes(arch, block)
            }

            fn sum_of_parts_on(arch: Arch, parts: impl FnOnce(&mut dyn FnMut(&[Self]))) -> f64 {
                sum_of_parts(arch, parts)
            }

            fn compensated_on(arch: Arch, block: &[Self]) -> Compensated {
                compensated_in_lanes(arch, block)
            }

            fn dot_on(arch: Arch, a: &[Self], b: &[Self]) -> f64 {
                dot_in_lanes(arch, a, b)
            }

            fn fir_on(arch: Arch, taps: &[Self], x: &[Self], out: &mut [Self]) {
                fir_in_lanes(arch, taps, x, out);
            }

            fn window_sums_on(arch: Arch, sums: WindowSums<'_, Self>) {
                window_sums_in_lanes(arch, sums);
            }

            fn min_max_on(arch: Arch, block: &[Self]) -> Option<(Self, Self)> {
                extremes_in_lanes(arch, block)
            }

            fn moments_on(arch: Arch, block: &[Self]) -> Moments {
                moments_in_lanes(arch, block)
            }

            fn stencil_on(arch: Arch, stencil: Stencil<'_, Self>) {
                arch.dispatch(InRegisters(stencil));
            }
        }
    };
}
// For example: impl Element for f32 { fn sum_on(arch: Arch, block: &[f32]) -> f64 { sum_in_lanes(arch, block) } .. }
float!(f32, pow_f32, retain_f32);
float!(f64, pow_f64, retain_f64);

#[inline(always)]
fn pow_f32(exponent: f32, tile: &mut [f32]) {
    match Raised::to(exponent) {
        Some(raised) => each(
            tile,
            #[inline(always)]
            |x| raised.of(x),
        ),
        None => each(tile, |x| x.powf(exponent)),
    }
}

/// One by one: its logarithm would need more digits than an `f64` has.
#[inline(always)]
fn pow_f64(exponent: f64, tile: &mut [f64]) {
    each(tile, |x| x.powf(exponent));
}

/// Integers are added up in one that has room for a piece of this many of them.
macro_rules! integer {
    ($($integer:ty => $wide:ty, $piece:expr;)+) => { $(
        impl Element for $integer {
            fn only_tile(op: Self::Only, _: &mut [Self]) {
                match op {}
            }

            fn retain_on(arch: Arch, compare: Compare, bound: Self, block: &mut [Self]) -> usize {
                retain(arch, compare, bound, block)
            }

            fn sum_on(arch: Arch, block: &[Self]) -> i128 {
                sum_in::<$wide, $integer>(arch, $piece, block)
            }

            fn sum_of_parts_on(arch: Arch, parts: impl FnOnce(&mut dyn FnMut(&[Self]))) -> i128 {
                let mut all = 0;
                parts(&mut |part| all += Self::sum_on(arch, part));
                all
            }

            fn compensated_on(_: Arch, block: &[Self]) -> Compensated {
                Self::compensated(block)
            }

            fn dot_on(_: Arch, a: &[Self], b: &[Self]) -> i128 {
                a.iter().zip(b).map(|(a, b)| i128::from(*a) * i128::from(*b)).sum()
            }

            fn fir_on(_: Arch, taps: &[Self], x: &[Self], out: &mut [Self]) {
                fir(taps, x, out);
            }

            fn window_sums_on(arch: Arch, sums: WindowSums<'_, Self>) {
                arch.dispatch(sums);
            }

            fn min_max_on(arch: Arch, block: &[Self]) -> Option<(Self, Self)> {
                extremes(arch, block)
            }

            fn moments_on(_: Arch, block: &[Self]) -> Moments {
                Moments::of(block)
            }

            fn stencil_on(arch: Arch, stencil: Stencil<'_, Self>) {
                arch.dispatch(stencil);
            }
        }
    )+ };
}
// For example: impl Element for u8 { .. block.chunks(1 << 16).map(|piece| i128::from(piece summed in u32)).sum() .. }
integer! {
    u8 => u32, 1 << 16;
    u16 => u32, 1 << 16;
    i32 => i64, 1 << 20;
    i64 => i128, 1 << 20;
}
