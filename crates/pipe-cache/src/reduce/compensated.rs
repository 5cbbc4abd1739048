//! A sum that keeps what its additions lose.

use super::lanes::{Lanes, lanes_of, registers};
use pipe_core::kernel::{Compensated, LANES};
use pulp::{Arch, Simd, WithSimd, as_arrays};

/// That of a block, as pipe-core's `CompensatedSum` defines it.
pub(crate) fn compensated_in_lanes<T: Lanes>(arch: Arch, block: &[T]) -> Compensated {
    let (sums, lost) = arch.dispatch(CompensatedSum(block));
    Compensated::of_lanes(&sums, &lost)
}

struct CompensatedSum<'b, T>(&'b [T]);

impl<T: Lanes> WithSimd for CompensatedSum<'_, T> {
    type Output = ([T; LANES], [T; LANES]);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        match registers::<S, T>() {
            4 => keep_in::<S, T, 4>(simd, self.0),
            8 => keep_in::<S, T, 8>(simd, self.0),
            16 => keep_in::<S, T, 16>(simd, self.0),
            32 => keep_in::<S, T, 32>(simd, self.0),
            _ => rest([T::default(); LANES], [T::default(); LANES], self.0),
        }
    }
}

/// `Compensated::add` in registers.
#[inline(always)]
fn keep_in<S: Simd, T: Lanes, const N: usize>(simd: S, block: &[T]) -> ([T; LANES], [T; LANES]) {
    let (chunks, _) = as_arrays::<N, _>(T::vectors::<S>(block));
    let zero = T::splat(simd, T::default());
    let (mut sums, mut lost) = ([zero; N], [zero; N]);
    for chunk in chunks {
        for ((sum, lost), x) in sums.iter_mut().zip(&mut lost).zip(chunk) {
            let all = T::add(simd, *sum, *x);
            let of_x = T::sub(simd, all, *sum);
            let of_sum = T::sub(simd, all, of_x);
            let loss = T::add(simd, T::sub(simd, *sum, of_sum), T::sub(simd, *x, of_x));
            (*sum, *lost) = (all, T::add(simd, *lost, loss));
        }
    }
    rest(lanes_of::<S, T, N>(sums), lanes_of::<S, T, N>(lost), &block[chunks.len() * LANES..])
}

#[inline(always)]
fn rest<T: Lanes>(mut sums: [T; LANES], mut lost: [T; LANES], block: &[T]) -> ([T; LANES], [T; LANES]) {
    for chunk in block.chunks(LANES) {
        for ((sum, lost), x) in sums.iter_mut().zip(&mut lost).zip(chunk) {
            (*sum, *lost) = Compensated::add(*sum, *lost, *x);
        }
    }
    (sums, lost)
}
