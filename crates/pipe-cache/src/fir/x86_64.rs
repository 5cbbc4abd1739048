//! With AVX-512, where a register is a line of the cache, so that all but one of 16 places that it could be read from lie in two lines, and
//! such a read takes as long as two. Every second one is put together of two registers instead: reads and arithmetic then take the same time.

use super::{Fir, REGISTERS};
use crate::reduce::Lanes;
use pulp::bytemuck::{cast, cast_slice};
use pulp::x86::V4;
use pulp::{Arch, NullaryFnOnce, WithSimd, as_arrays};
use std::arch::x86_64::__m512i;

pub(super) fn fir<T: Lanes>(arch: Arch, fir: Fir<'_, T>) {
    match arch {
        Arch::V4(v4) => v4.vectorize(Fir512 { v4, fir }),
        _ => arch.dispatch(fir),
    }
}

struct Fir512<'b, T> {
    v4: V4,
    fir: Fir<'b, T>,
}

impl<T: Lanes> NullaryFnOnce for Fir512<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Fir512 { v4, fir: Fir { taps, x, out } } = self;
        let lanes = 64 / size_of::<T>();
        let group = REGISTERS * lanes;
        // Whole registers are read, also of what is behind the last tap: not at the end of the numbers.
        let under = group + taps.len().div_ceil(lanes) * lanes;
        let groups = if x.len() < under { 0 } else { (x.len() - under) / group + 1 };
        let groups = groups.min(out.len() / group);
        let (front, rest) = out.split_at_mut(groups * group);
        for (at, out) in front.chunks_exact_mut(group).enumerate() {
            let sums = sums_of_group(v4, taps, &x[at * group..at * group + under]);
            out.copy_from_slice(cast_slice(&sums));
        }
        Fir { taps, x: &x[groups * group..], out: rest }.with_simd(v4);
    }
}

/// Goes over the taps from the first, which is for the last number.
#[inline(always)]
fn sums_of_group<T: Lanes>(v4: V4, taps: &[T], x: &[T]) -> [T::Vector<V4>; REGISTERS] {
    let lanes = 64 / size_of::<T>();
    let group = REGISTERS * lanes;
    let mut sums = [T::splat(v4, T::default()); REGISTERS];
    // Taps in the order of their numbers, by registers of these.
    for (block, taps) in taps.rchunks(lanes).enumerate().rev() {
        let start = block * lanes;
        let (whole, _) =
            as_arrays::<{ REGISTERS + 1 }, _>(T::vectors::<V4>(&x[start..start + group + lanes]));
        let whole = &whole[0];
        for (at, tap) in taps.iter().enumerate() {
            let by = taps.len() - 1 - at;
            let tap = T::splat(v4, *tap);
            let (read, _) = as_arrays::<REGISTERS, _>(T::vectors::<V4>(&x[start + by..start + by + group]));
            for register in (0..REGISTERS).step_by(2) {
                let joined = behind::<T>(v4, whole[register], by, whole[register + 1]);
                sums[register] = T::mul_add(v4, tap, joined, sums[register]);
                sums[register + 1] = T::mul_add(v4, tap, read[0][register + 1], sums[register + 1]);
            }
        }
    }
    sums
}

/// The numbers of two registers from `by` on, as many as one holds.
#[inline(always)]
fn behind<T: Lanes>(v4: V4, low: T::Vector<V4>, by: usize, high: T::Vector<V4>) -> T::Vector<V4> {
    let places: __m512i = cast(std::array::from_fn::<u32, 16, _>(|place| place as u32));
    let from = v4.avx512f._mm512_set1_epi32((by * size_of::<T>() / 4) as i32);
    let from = v4.avx512f._mm512_add_epi32(places, from);
    cast(v4.avx512f._mm512_permutex2var_epi32(cast(low), from, cast(high)))
}
