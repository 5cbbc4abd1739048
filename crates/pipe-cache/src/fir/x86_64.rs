//! With AVX-512, whose registers are lines of the cache: all but one of 16 places that one could be read from lie in two lines, and such a
//! read takes as long as two. So nothing is read that is as long as a register.
//!
//! A *quarter* of a register is 16 bytes: four `f32`, two `f64`. One is read into all four quarters of a register, which takes no
//! arithmetic, and meets there the taps of four quarters of outputs at once, which are at different stages:
//!
//! ```text
//! quarter of the register          0         1         2         3
//! belongs to the outputs from     at      at - 4    at - 8    at - 12    (f32)
//! tap for x[at + by], of 16     15 - by   11 - by    7 - by    3 - by     by = 3, 2, 1, 0
//! ```
//!
//! Then the outputs from `at` are done: they are written, the others move down by a quarter, and the next ones begin in the last. That is five
//! instructions of arithmetic for 64 products, where joining aligned registers takes 7.5. Each sum waits for the one before it, so there are
//! [`STREAMS`] of them, some hundred outputs apart.

use super::Fir;
use crate::reduce::Lanes;
use pulp::bytemuck::{bytes_of, cast, cast_slice, cast_slice_mut, pod_read_unaligned};
use pulp::x86::V4;
use pulp::{Arch, NullaryFnOnce, WithSimd};
use std::arch::x86_64::__m128i;

pub(super) fn fir<T: Lanes>(arch: Arch, fir: Fir<'_, T>) {
    match arch {
        Arch::V4(v4) => v4.vectorize(Fir512 { v4, fir }),
        _ => arch.dispatch(fir),
    }
}

/// Sums that do not wait for each other: enough to hide what each waits for itself.
const STREAMS: usize = 12;

/// Numbers from one stream to the next: a constant, so that it is part of the instructions. Not a page, or the lines of all streams
/// would have the same places in the cache.
const LONG: usize = 480;

/// For what is left: the three positions that each stream begins with are a fifth of the work.
const SHORT: usize = 64;

/// Fewer taps leave most of a register unused.
const LEAST_TAPS: usize = 4;

const QUARTER_BYTES: usize = 16;

struct Fir512<'b, T> {
    v4: V4,
    fir: Fir<'b, T>,
}

impl<T: Lanes> NullaryFnOnce for Fir512<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Fir512 { v4, fir: Fir { taps, x, out } } = self;
        // Of the first taps some are missing, and numbers for them are read all the same: not at the end of the numbers.
        let under = taps.len().max(1).next_multiple_of(64 / size_of::<T>()) - 1;
        let end = if taps.len() < LEAST_TAPS { 0 } else { x.len().saturating_sub(under).min(out.len()) };
        let mut done = 0;
        while end - done >= STREAMS * LONG {
            filter::<T, LONG>(v4, taps, &x[done..], &mut out[done..done + STREAMS * LONG]);
            done += STREAMS * LONG;
        }
        // Less than half of them are computed faster without.
        while end - done >= STREAMS * SHORT / 2 && end >= STREAMS * SHORT {
            // The last ones begin among outputs that are there, and compute them again.
            let start = done.min(end - STREAMS * SHORT);
            done = start + STREAMS * SHORT;
            filter::<T, SHORT>(v4, taps, &x[start..], &mut out[start..done]);
        }
        Fir { taps, x: &x[done..], out: &mut out[done..] }.with_simd(v4);
    }
}

/// Goes over the taps from the first, which is for the last number, as many at a time as meet in a register.
#[inline(always)]
fn filter<T: Lanes, const LENGTH: usize>(v4: V4, taps: &[T], x: &[T], out: &mut [T]) {
    let together = 64 / size_of::<T>();
    let first = taps.len().div_ceil(together) - 1;
    for (block, taps) in taps.rchunks(together).enumerate().rev() {
        let (x, taps) = (&x[block * together..], Taps::new(taps));
        if block == first {
            let zero = T::splat(v4, T::default());
            sum_up::<T, LENGTH>(v4, &taps, x, out, |_| zero);
        } else {
            sum_up::<T, LENGTH>(v4, &taps, x, out, |so_far| in_all_quarters::<T>(v4, so_far));
        }
    }
}

/// The taps that meet in a register.
struct Taps<T: Lanes> {
    /// By how far from the beginning of its outputs a quarter of numbers is read.
    by: [T::Vector<V4>; 4],
    /// For which lanes there is a tap.
    there: [u16; 4],
}

impl<T: Lanes> Taps<T> {
    #[inline(always)]
    fn new(taps: &[T]) -> Self {
        let quarter = QUARTER_BYTES / size_of::<T>();
        let tap = |by: usize, lane: usize| taps.iter().rev().nth(lane / quarter * quarter + by);
        let mut all = [[T::default(); 16]; 4];
        let mut there = [0; 4];
        for (by, (all, there)) in all.iter_mut().zip(&mut there).enumerate() {
            for (lane, one) in all.iter_mut().enumerate().take(64 / size_of::<T>()) {
                *one = tap(by, lane).copied().unwrap_or_default();
                *there |= u16::from(tap(by, lane).is_some()) << lane;
            }
        }
        Taps { by: all.map(|lanes| T::vectors::<V4>(&lanes)[0]), there }
    }
}

/// Adds the products with these taps to what each output begins with.
#[inline(always)]
fn sum_up<T: Lanes, const LENGTH: usize>(
    v4: V4,
    taps: &Taps<T>,
    x: &[T],
    out: &mut [T],
    begin: impl Fn(&[T]) -> T::Vector<V4>,
) {
    let quarter = QUARTER_BYTES / size_of::<T>();
    let last = (STREAMS - 1) * LENGTH;
    let mut sums = [T::splat(v4, T::default()); STREAMS];
    for at in (0..LENGTH + 3 * quarter).step_by(quarter).rev() {
        // Of the last three positions nothing begins any more.
        let begins = at.saturating_sub(3 * quarter);
        let so_far = &out[begins..begins + last + quarter];
        for (stream, sum) in sums.iter_mut().enumerate() {
            *sum = moved_down::<T>(v4, *sum, begin(&so_far[stream * LENGTH..][..quarter]));
        }
        let x = &x[at..at + last + 2 * quarter - 1];
        for by in (0..quarter).rev() {
            for (stream, sum) in sums.iter_mut().enumerate() {
                let numbers = in_all_quarters::<T>(v4, &x[stream * LENGTH + by..][..quarter]);
                *sum = mul_add_where::<T>(v4, taps.there[by], taps.by[by], numbers, *sum);
            }
        }
        if at < LENGTH {
            let done = &mut out[at..at + last + quarter];
            for (stream, sum) in sums.iter().enumerate() {
                let done: &mut [u8] = cast_slice_mut(&mut done[stream * LENGTH..][..quarter]);
                done.copy_from_slice(&bytes_of(sum)[..QUARTER_BYTES]);
            }
        }
    }
}

/// The same quarter of numbers four times.
#[inline(always)]
fn in_all_quarters<T: Lanes>(v4: V4, numbers: &[T]) -> T::Vector<V4> {
    let quarter: __m128i = pod_read_unaligned(cast_slice(numbers));
    cast(v4.avx512f._mm512_broadcast_i32x4(quarter))
}

/// Quarters move down by one, and into the last comes the first of `next`.
#[inline(always)]
fn moved_down<T: Lanes>(v4: V4, sums: T::Vector<V4>, next: T::Vector<V4>) -> T::Vector<V4> {
    cast(v4.avx512f._mm512_alignr_epi64::<2>(cast(next), cast(sums)))
}

/// `tap * x + sum`, rounded once, in these lanes; `sum` in the others.
#[inline(always)]
fn mul_add_where<T: Lanes>(
    v4: V4,
    lanes: u16,
    tap: T::Vector<V4>,
    x: T::Vector<V4>,
    sum: T::Vector<V4>,
) -> T::Vector<V4> {
    if size_of::<T>() == 4 {
        cast(v4.avx512f._mm512_mask3_fmadd_ps(cast(tap), cast(x), cast(sum), lanes))
    } else {
        cast(v4.avx512f._mm512_mask3_fmadd_pd(cast(tap), cast(x), cast(sum), lanes as u8))
    }
}
