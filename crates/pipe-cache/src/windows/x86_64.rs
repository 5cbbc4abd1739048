//! With AVX-512: as long as the numbers to be added lie less than a register apart, nearly each register of them would be read from two lines of
//! the cache, and written to be read again. They are joined of two registers instead, and up to four doublings are made in one pass.

use super::{Pass, Slices, WindowSums};
use crate::element::Element;
use crate::reduce::Lanes;
use pulp::bytemuck::{cast, cast_slice};
use pulp::x86::V4;
use pulp::{Arch, NullaryFnOnce};
use std::arch::x86_64::__m512i;

pub(super) fn window_sums<T: Lanes + Element>(arch: Arch, sums: WindowSums<'_, T>) {
    match arch {
        Arch::V4(v4) => v4.vectorize(WindowSums512 { v4, sums }),
        _ => arch.dispatch(sums),
    }
}

struct WindowSums512<'b, T> {
    v4: V4,
    sums: WindowSums<'b, T>,
}

impl<T: Lanes + Element> NullaryFnOnce for WindowSums512<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.sums.by(Registers(self.v4));
    }
}

/// Passes over registers while the sums are shorter than one.
#[derive(Clone, Copy)]
struct Registers(V4);

impl<T: Lanes + Element> Pass<T> for Registers {
    #[inline(always)]
    fn doublings(self, size: usize, times: u32) -> u32 {
        match lanes::<T>() / size {
            0 | 1 => Pass::<T>::doublings(Slices, size, times),
            within => times.min(within.ilog2()),
        }
    }

    #[inline(always)]
    fn double(self, from: &[T], size: usize, doublings: u32, to: &mut [T], last: impl Fn(T) -> T) {
        match doublings {
            _ if size >= lanes::<T>() => return Slices.double(from, size, doublings, to, last),
            1 => double_in_registers::<T, 1>(self.0, from, size, to),
            2 => double_in_registers::<T, 2>(self.0, from, size, to),
            3 => double_in_registers::<T, 3>(self.0, from, size, to),
            _ => double_in_registers::<T, 4>(self.0, from, size, to),
        }
        to.iter_mut().for_each(|sum| *sum = last(*sum));
    }
}

#[inline(always)]
fn double_in_registers<T: Lanes, const N: usize>(v4: V4, from: &[T], size: usize, to: &mut [T]) {
    let apart = std::array::from_fn(|doubling| places::<T>(v4, size << doubling));
    let lanes = lanes::<T>();
    let whole = (from.len() / lanes).saturating_sub(N).min(to.len() / lanes) * lanes;
    if whole > 0 {
        double_whole::<T, N>(v4, from, apart, &mut to[..whole]);
    }
    // What is left are fewer than `N + 1` registers, which `N` more are read for: with zeros behind the last number.
    let (from, to) = (&from[whole..], &mut to[whole..]);
    let (mut last, mut sums) = ([T::default(); 9 * 16], [T::default(); 5 * 16]);
    last[..from.len()].copy_from_slice(from);
    double_whole::<T, N>(v4, &last, apart, &mut sums[..to.len().next_multiple_of(lanes)]);
    to.copy_from_slice(&sums[..to.len()]);
}

/// Whole registers. One waits for the next one before it is doubled, so results are `N` registers behind what is read.
#[inline(always)]
fn double_whole<T: Lanes, const N: usize>(v4: V4, from: &[T], apart: [__m512i; N], to: &mut [T]) {
    let (first, from) = T::vectors::<V4>(from).split_at(N);
    let mut before = [T::splat(v4, T::default()); N];
    for numbers in first {
        doubled::<T, N>(v4, &mut before, apart, *numbers);
    }
    for (to, numbers) in to.chunks_exact_mut(lanes::<T>()).zip(from) {
        to.copy_from_slice(cast_slice(&[doubled::<T, N>(v4, &mut before, apart, *numbers)]));
    }
}

/// `before` has what came last, and was doubled so often: not at all, once, and so on.
#[inline(always)]
fn doubled<T: Lanes, const N: usize>(
    v4: V4,
    before: &mut [T::Vector<V4>; N],
    apart: [__m512i; N],
    mut sums: T::Vector<V4>,
) -> T::Vector<V4> {
    for (before, apart) in before.iter_mut().zip(apart) {
        let low = std::mem::replace(before, sums);
        sums = T::add(v4, low, behind::<T>(v4, low, apart, sums));
    }
    sums
}

fn lanes<T>() -> usize {
    64 / size_of::<T>()
}

/// Where the numbers so far behind lie in two registers, in parts of four bytes.
#[inline(always)]
fn places<T>(v4: V4, apart: usize) -> __m512i {
    let from: __m512i = cast(std::array::from_fn::<u32, 16, _>(|place| place as u32));
    v4.avx512f._mm512_add_epi32(from, v4.avx512f._mm512_set1_epi32((apart * size_of::<T>() / 4) as i32))
}

/// The numbers at these places of two registers.
#[inline(always)]
fn behind<T: Lanes>(v4: V4, low: T::Vector<V4>, places: __m512i, high: T::Vector<V4>) -> T::Vector<V4> {
    cast(v4.avx512f._mm512_permutex2var_epi32(cast(low), places, cast(high)))
}
