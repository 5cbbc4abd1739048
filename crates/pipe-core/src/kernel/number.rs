//! The numbers that programs are about.

use crate::kernel::op::FloatOp;
use crate::kernel::reduce::Compensated;
use crate::kernel::runner::{KernelWorker, KernelWorkers};
use std::convert::Infallible;
use std::fmt::Debug;
use std::ops::Add;

/// `f32`, `f64`, `i32`, `i64`, `u8` and `u16`, and the arithmetic that every runner agrees on.
///
/// Integers wrap around, floats follow IEEE 754 and are rounded after each operation. So all of it is the same on every runner, bit for
/// bit; which not-a-number comes out of one is not said.
pub trait Number: Copy + PartialOrd + Debug + Default + Send + Sync + 'static + sealed::Sealed {
    /// What only some of them have: [`FloatOp`] for floats; nothing for integers, so that a program of integers with a logarithm cannot
    /// be written.
    type Only: Copy + Debug + PartialEq + Send + Sync;

    /// What adds up many of them: `f64` for floats, `i128` for integers, which cannot overflow.
    type Total: Copy + Debug + PartialEq + Send + Sync;

    /// `self + other`.
    fn plus(self, other: Self) -> Self;

    /// `self - other`.
    fn minus(self, other: Self) -> Self;

    /// `self * other`.
    fn times(self, other: Self) -> Self;

    /// `self * factor + term`; floats are rounded once, at the end.
    fn times_plus(self, factor: Self, term: Self) -> Self;

    /// Without its sign. The least integer, which has no opposite, stays what it is.
    fn magnitude(self) -> Self;

    /// `0 - self`; of a float with the other sign also where it is zero.
    fn negated(self) -> Self;

    /// An operation that only this kind has.
    fn only(self, op: Self::Only) -> Self;

    /// The sum of a block; see [`Sum`](crate::kernel::Sum) for the order of additions.
    fn sum(block: &[Self]) -> Self::Total;

    /// The sum of the squares of the distances to the centre, in the same order; of floats in their own precision, of integers in that of
    /// `f64`.
    fn squares(block: &[Self], centre: f64) -> f64;

    /// The sum of a block, and what its additions have lost; see [`CompensatedSum`](crate::kernel::CompensatedSum).
    fn compensated(block: &[Self]) -> Compensated;

    /// The brightness of a colour, by the weights of ITU-R BT.601: of floats `0.299 r + 0.587 g + 0.114 b`, rounded after each operation, of
    /// integers `(77 r + 150 g + 29 b + 128) / 256`, in an integer that has room for it, rounded down.
    fn luma(r: Self, g: Self, b: Self) -> Self;

    /// The nearest `f64`.
    fn as_f64(self) -> f64;

    /// As a sum of itself alone.
    fn as_total(self) -> Self::Total;

    /// A sum as the nearest `f64`.
    fn total_as_f64(total: Self::Total) -> f64;

    /// The sum of two sums.
    fn add_totals(a: Self::Total, b: Self::Total) -> Self::Total;

    /// Of all workers the one for this type.
    fn worker(all: Box<dyn KernelWorkers>) -> Box<dyn KernelWorker<Self>>;
}

/// `f32` and `f64`.
pub trait Float: Number<Only = FloatOp<Self>, Total = f64> {
    /// As an `f64`, exactly.
    fn widen(self) -> f64;

    /// The nearest one.
    fn nearest(x: f64) -> Self;
}

/// How many running sums a block of floats is added up in: 256 bytes of `f32`, so four registers of AVX-512 and eight of AVX2.
pub const LANES: usize = 64;

/// Number `i` is added in lane `i % LANES`; then the upper half of the lanes to the lower one, until one is left.
fn in_lanes<T: Copy + Default + Add<Output = T>>(numbers: impl Iterator<Item = T>) -> T {
    let mut lanes = [T::default(); LANES];
    for (at, x) in numbers.enumerate() {
        lanes[at % LANES] = lanes[at % LANES] + x;
    }
    let mut half = LANES / 2;
    while half > 0 {
        (0..half).for_each(|lane| lanes[lane] = lanes[lane] + lanes[lane + half]);
        half /= 2;
    }
    lanes[0]
}

macro_rules! float {
    ($float:ty) => {
        impl Number for $float {
            type Only = FloatOp<$float>;
            type Total = f64;

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self - other
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            fn times_plus(self, factor: Self, term: Self) -> Self {
                self.mul_add(factor, term)
            }

            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn negated(self) -> Self {
                -self
            }

            fn only(self, op: FloatOp<Self>) -> Self {
                match op {
                    FloatOp::Div(by) => self / by,
                    FloatOp::Sqrt => self.sqrt(),
                    FloatOp::Exp => self.exp(),
                    FloatOp::Log => self.ln(),
                    FloatOp::Tanh => self.tanh(),
                    // Without an overflow on either side, and exact where it is almost 0.
                    FloatOp::Sigmoid if self < 0.0 => self.exp() / (1.0 + self.exp()),
                    FloatOp::Sigmoid => 1.0 / (1.0 + (-self).exp()),
                    FloatOp::Pow(exponent) => self.powf(exponent),
                    FloatOp::Floor => self.floor(),
                    FloatOp::Ceil => self.ceil(),
                    FloatOp::Round => self.round_ties_even(),
                    FloatOp::Trunc => self.trunc(),
                }
            }

            fn sum(block: &[Self]) -> f64 {
                f64::from(in_lanes(block.iter().copied()))
            }

            fn squares(block: &[Self], centre: f64) -> f64 {
                let distances = block.iter().map(|x| x - Self::nearest(centre));
                f64::from(in_lanes(distances.map(|distance| distance * distance)))
            }

            fn compensated(block: &[Self]) -> Compensated {
                let (mut sums, mut lost) = ([0.0; LANES], [0.0; LANES]);
                for (at, x) in block.iter().enumerate() {
                    let lane = at % LANES;
                    (sums[lane], lost[lane]) = Compensated::add(sums[lane], lost[lane], *x);
                }
                Compensated::of_lanes(&sums, &lost)
            }

            #[inline(always)]
            fn luma(r: Self, g: Self, b: Self) -> Self {
                0.299 * r + 0.587 * g + 0.114 * b
            }

            #[inline(always)]
            fn as_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn as_total(self) -> f64 {
                f64::from(self)
            }

            fn total_as_f64(total: f64) -> f64 {
                total
            }

            fn add_totals(a: f64, b: f64) -> f64 {
                a + b
            }

            fn worker(all: Box<dyn KernelWorkers>) -> Box<dyn KernelWorker<Self>> {
                all
            }
        }

        impl Float for $float {
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            #[expect(clippy::allow_attributes, reason = "the cast does nothing in one of two expansions")]
            #[allow(clippy::unnecessary_cast, reason = "see above")]
            fn nearest(x: f64) -> Self {
                x as $float
            }
        }
    };
}
// For example: impl Number for f32 { fn plus(self, other: f32) -> f32 { self + other } .. }
float!(f32);
float!(f64);

macro_rules! integer {
    ($($integer:ty, $wide:ty, |$x:ident| $magnitude:expr;)+) => { $(
        impl Number for $integer {
            type Only = Infallible;
            type Total = i128;

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            #[inline(always)]
            fn times_plus(self, factor: Self, term: Self) -> Self {
                self.wrapping_mul(factor).wrapping_add(term)
            }

            #[inline(always)]
            fn magnitude(self) -> Self {
                let $x = self;
                $magnitude
            }

            #[inline(always)]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }

            fn only(self, op: Infallible) -> Self {
                match op {}
            }

            fn sum(block: &[Self]) -> i128 {
                block.iter().map(|x| i128::from(*x)).sum()
            }

            fn squares(block: &[Self], centre: f64) -> f64 {
                let distances = block.iter().map(|x| *x as f64 - centre);
                in_lanes(distances.map(|distance| distance * distance))
            }

            fn compensated(block: &[Self]) -> Compensated {
                Compensated::exact(Self::sum(block))
            }

            #[inline(always)]
            fn luma(r: Self, g: Self, b: Self) -> Self {
                let [r, g, b] = [r, g, b].map(<$wide>::from);
                ((77 * r + 150 * g + 29 * b + 128) >> 8) as Self
            }

            #[inline(always)]
            fn as_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn as_total(self) -> i128 {
                i128::from(self)
            }

            fn total_as_f64(total: i128) -> f64 {
                total as f64
            }

            fn add_totals(a: i128, b: i128) -> i128 {
                a + b
            }

            fn worker(all: Box<dyn KernelWorkers>) -> Box<dyn KernelWorker<Self>> {
                all
            }
        }
    )+ };
}
// For example: impl Number for i32 { fn plus(self, other: i32) -> i32 { self.wrapping_add(other) } .. }
integer! {
    i32, i64, |x| x.wrapping_abs();
    i64, i128, |x| x.wrapping_abs();
    u8, u16, |x| x;
    u16, u32, |x| x;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for i32 {}
    impl Sealed for i64 {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
}
