//! Running results in a fixed number of lanes, in as many registers as the level needs.

use pipe_core::kernel::{Float, LANES};
use pulp::bytemuck::{Pod, cast_slice, cast_slice_mut};
use pulp::{Simd, as_arrays};

/// Floats that vectors are made of.
pub(crate) trait Lanes: Float + Pod {
    /// A register of them.
    type Vector<S: Simd>: Copy + Pod;
    fn vectors<S: Simd>(numbers: &[Self]) -> &[Self::Vector<S>];
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn sub<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn mul<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a * b + c`, rounded once.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// In each lane `x` where it is less than `low`, else `low`.
    fn lesser<S: Simd>(simd: S, x: Self::Vector<S>, low: Self::Vector<S>) -> Self::Vector<S>;
    /// In each lane `x` where it is greater than `high`, else `high`.
    fn greater<S: Simd>(simd: S, x: Self::Vector<S>, high: Self::Vector<S>) -> Self::Vector<S>;
}

/// What one step of a reduction does, in registers and in plain lanes.
pub(super) trait Fold<T: Lanes>: Copy {
    /// What a lane begins with.
    fn start(self) -> T;

    /// Takes a number in each lane.
    fn vector<S: Simd>(self, simd: S, all: T::Vector<S>, x: T::Vector<S>) -> T::Vector<S>;

    /// The same in one lane.
    fn lane(self, all: T, x: T) -> T;
}

/// Number `i` goes into lane `i % LANES`.
#[inline(always)]
pub(super) fn fold<S: Simd, T: Lanes>(simd: S, block: &[T], step: impl Fold<T>) -> [T; LANES] {
    fold_on(simd, [step.start(); LANES], block, step)
}

/// Goes on with lanes that have numbers already, each as many.
#[inline(always)]
pub(super) fn fold_on<S: Simd, T: Lanes>(
    simd: S,
    lanes: [T; LANES],
    block: &[T],
    step: impl Fold<T>,
) -> [T; LANES] {
    match registers::<S, T>() {
        4 => fold_in::<S, T, 4>(simd, lanes, block, step),
        8 => fold_in::<S, T, 8>(simd, lanes, block, step),
        16 => fold_in::<S, T, 16>(simd, lanes, block, step),
        32 => fold_in::<S, T, 32>(simd, lanes, block, step),
        _ => rest(lanes, block, step),
    }
}

/// Two reductions in one pass.
#[inline(always)]
pub(super) fn fold_both<S: Simd, T: Lanes>(
    simd: S,
    block: &[T],
    a: impl Fold<T>,
    b: impl Fold<T>,
) -> ([T; LANES], [T; LANES]) {
    match registers::<S, T>() {
        4 => fold_both_in::<S, T, 4>(simd, block, a, b),
        8 => fold_both_in::<S, T, 8>(simd, block, a, b),
        16 => fold_both_in::<S, T, 16>(simd, block, a, b),
        32 => fold_both_in::<S, T, 32>(simd, block, a, b),
        _ => (rest([a.start(); LANES], block, a), rest([b.start(); LANES], block, b)),
    }
}

/// The sums of products, number `i` of both in lane `i % LANES`; as many as the shorter block has.
#[inline(always)]
pub(super) fn fold_pairs<S: Simd, T: Lanes>(simd: S, a: &[T], b: &[T]) -> [T; LANES] {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    match registers::<S, T>() {
        4 => fold_pairs_in::<S, T, 4>(simd, a, b),
        8 => fold_pairs_in::<S, T, 8>(simd, a, b),
        16 => fold_pairs_in::<S, T, 16>(simd, a, b),
        32 => fold_pairs_in::<S, T, 32>(simd, a, b),
        _ => rest_of_pairs([T::default(); LANES], a, b),
    }
}

/// How many registers hold all lanes: 4 (`f32` in 512 bits) to 32 (`f64` in 128); 64 where a vector is one number, and the compiler knows better.
#[inline(always)]
pub(super) fn registers<S: Simd, T: Lanes>() -> usize {
    size_of::<[T; LANES]>() / size_of::<T::Vector<S>>()
}

#[inline(always)]
fn fold_in<S: Simd, T: Lanes, const N: usize>(
    simd: S,
    lanes: [T; LANES],
    block: &[T],
    step: impl Fold<T>,
) -> [T; LANES] {
    let (chunks, _) = as_arrays::<N, _>(T::vectors::<S>(block));
    let mut registers = [T::splat(simd, T::default()); N];
    cast_slice_mut(&mut registers).copy_from_slice(&lanes);
    for chunk in chunks {
        for (register, x) in registers.iter_mut().zip(chunk) {
            *register = step.vector(simd, *register, *x);
        }
    }
    rest(lanes_of::<S, T, N>(registers), &block[chunks.len() * LANES..], step)
}

#[inline(always)]
fn fold_both_in<S: Simd, T: Lanes, const N: usize>(
    simd: S,
    block: &[T],
    a: impl Fold<T>,
    b: impl Fold<T>,
) -> ([T; LANES], [T; LANES]) {
    let (chunks, _) = as_arrays::<N, _>(T::vectors::<S>(block));
    let mut of_a = [T::splat(simd, a.start()); N];
    let mut of_b = [T::splat(simd, b.start()); N];
    for chunk in chunks {
        for ((in_a, in_b), x) in of_a.iter_mut().zip(&mut of_b).zip(chunk) {
            *in_a = a.vector(simd, *in_a, *x);
            *in_b = b.vector(simd, *in_b, *x);
        }
    }
    let tail = &block[chunks.len() * LANES..];
    (rest(lanes_of::<S, T, N>(of_a), tail, a), rest(lanes_of::<S, T, N>(of_b), tail, b))
}

#[inline(always)]
fn fold_pairs_in<S: Simd, T: Lanes, const N: usize>(simd: S, a: &[T], b: &[T]) -> [T; LANES] {
    let (chunks, _) = as_arrays::<N, _>(T::vectors::<S>(a));
    let (others, _) = as_arrays::<N, _>(T::vectors::<S>(b));
    let mut registers = [T::splat(simd, T::default()); N];
    for (chunk, other) in chunks.iter().zip(others) {
        for ((register, a), b) in registers.iter_mut().zip(chunk).zip(other) {
            *register = T::add(simd, *register, T::mul(simd, *a, *b));
        }
    }
    let done = chunks.len() * LANES;
    rest_of_pairs(lanes_of::<S, T, N>(registers), &a[done..], &b[done..])
}

#[inline(always)]
pub(super) fn lanes_of<S: Simd, T: Lanes, const N: usize>(registers: [T::Vector<S>; N]) -> [T; LANES] {
    let mut lanes = [T::default(); LANES];
    lanes.copy_from_slice(cast_slice(&registers));
    lanes
}

#[inline(always)]
fn rest<T: Lanes>(mut lanes: [T; LANES], block: &[T], step: impl Fold<T>) -> [T; LANES] {
    for chunk in block.chunks(LANES) {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = step.lane(*lane, *x));
    }
    lanes
}

#[inline(always)]
fn rest_of_pairs<T: Lanes>(mut lanes: [T; LANES], a: &[T], b: &[T]) -> [T; LANES] {
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        lanes.iter_mut().zip(a).zip(b).for_each(|((lane, a), b)| *lane = lane.plus(a.times(*b)));
    }
    lanes
}

/// The upper half of the lanes to the lower one, until one is left.
#[inline(always)]
pub(super) fn joined<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        (0..half).for_each(|lane| lanes[lane] = join(lanes[lane], lanes[lane + half]));
        half /= 2;
    }
    lanes[0]
}

macro_rules! lanes {
    ($float:ty, $vector:ident, $split:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $mul_add:ident, $min:ident, $max:ident, $less:ident, $select:ident) => {
        impl Lanes for $float {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn vectors<S: Simd>(numbers: &[Self]) -> &[S::$vector] {
                S::$split(numbers).0
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }

            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn sub<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }

            #[inline(always)]
            fn mul<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn lesser<S: Simd>(simd: S, x: S::$vector, low: S::$vector) -> S::$vector {
                // MINPS is this, one instruction for two; other processors keep what is not a number.
                if cfg!(target_arch = "x86_64") {
                    simd.$min(x, low)
                } else {
                    simd.$select(simd.$less(x, low), x, low)
                }
            }

            #[inline(always)]
            fn greater<S: Simd>(simd: S, x: S::$vector, high: S::$vector) -> S::$vector {
                if cfg!(target_arch = "x86_64") {
                    simd.$max(x, high)
                } else {
                    simd.$select(simd.$less(high, x), x, high)
                }
            }
        }
    };
}
// For example: impl Lanes for f32 { fn add<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s { simd.add_f32s(a, b) } .. }
lanes!(
    f32,
    f32s,
    as_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    mul_add_f32s,
    min_f32s,
    max_f32s,
    less_than_f32s,
    select_f32s
);
lanes!(
    f64,
    f64s,
    as_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    mul_add_f64s,
    min_f64s,
    max_f64s,
    less_than_f64s,
    select_f64s
);
