//! The kernels themselves, over slices.

use crate::each::{Axpy, Each};
use crate::element::Element;
use crate::level::Level;
use crate::tile::Tiles;
use pipe_core::kernel::{Compare, Compensated, Moments, Program};
use pulp::Arch;
use std::fmt;

/// Computes over slices with the instructions of one [`Level`], which is chosen once: for programs that have numbers and no pipeline.
///
/// ```
/// use pipe_cache::Simd;
/// use pipe_core::kernel::Program;
///
/// let simd = Simd::best();
/// let mut numbers: Vec<f32> = (0..10_000).map(|n| n as f32).collect();
/// simd.run(&Program::new().scale(0.5).add(1.0), &mut numbers);
/// assert_eq!(simd.min_max(&numbers), Some((1.0, 5_000.5)));
/// simd.map(&mut numbers, |x| x * x);
/// assert_eq!(numbers[4], 9.0);
/// ```
#[derive(Clone, Copy)]
pub struct Simd {
    arch: Arch,
    level: Level,
}

impl Simd {
    /// A tile fits into the first level of the cache of any processor, and half of it is left.
    pub(crate) const TILE_BYTES: usize = 16 << 10;

    /// With the widest instructions that this processor has.
    pub fn best() -> Self {
        Simd::at(Level::best()).unwrap_or(Simd { arch: Arch::Scalar, level: Level::Scalar })
    }

    /// With those of this level; `None` if this processor does not have it.
    pub fn at(level: Level) -> Option<Self> {
        Some(Simd { arch: level.arch()?, level })
    }

    /// Which instructions these are.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The same for pulp.
    pub(crate) fn arch(&self) -> Arch {
        self.arch
    }

    /// Applies the program to each number, in tiles of 16 KiB: so it reads and writes the memory once, however long it is.
    pub fn run<T: Element>(&self, program: &Program<T>, block: &mut [T]) {
        self.run_in_tiles(Self::TILE_BYTES, program, block);
    }

    pub(crate) fn run_in_tiles<T: Element>(&self, bytes: usize, program: &Program<T>, block: &mut [T]) {
        self.arch.dispatch(Tiles { program, block, tile: bytes / size_of::<T>() });
    }

    /// Replaces each number by what the closure makes of it. What the closure calls has to be inlined (arithmetic, `#[inline(always)]`,
    /// [`math`](crate::math)) and to have no branch that skips work; then the loop takes a register at a time.
    pub fn map<T: Copy>(&self, block: &mut [T], f: impl Fn(T) -> T) {
        self.arch.dispatch(Each { block, f });
    }

    /// Keeps the numbers for which `compare` holds against `bound`, in their order.
    pub fn retain<T: Element>(&self, compare: Compare, bound: T, block: &mut Vec<T>) {
        let kept = T::retain_on(self.arch, compare, bound, block);
        block.truncate(kept);
    }

    /// `y[i] = a * x[i] + y[i]`, for as many as both have. Both operations are rounded.
    pub fn axpy<T: Element>(&self, a: T, x: &[T], y: &mut [T]) {
        self.arch.dispatch(Axpy { a, x, y });
    }

    /// The sum, in the order that [`Sum`](pipe_core::kernel::Sum) tells.
    pub fn sum<T: Element>(&self, block: &[T]) -> T::Total {
        T::sum_on(self.arch, block)
    }

    /// The sum with what its additions lose, as [`CompensatedSum`](pipe_core::kernel::CompensatedSum) tells.
    ///
    /// ```
    /// let numbers = [1e8_f32, 1.0, -1e8];
    /// assert_eq!(pipe_cache::Simd::best().compensated_sum(&numbers).total(), 1.0);
    /// ```
    pub fn compensated_sum<T: Element>(&self, block: &[T]) -> Compensated {
        T::compensated_on(self.arch, block)
    }

    /// The least and the greatest, as [`MinMax`](pipe_core::kernel::MinMax) tells.
    pub fn min_max<T: Element>(&self, block: &[T]) -> Option<(T, T)> {
        T::min_max_on(self.arch, block)
    }

    /// Mean and variance, as [`Moments::of`].
    pub fn moments<T: Element>(&self, block: &[T]) -> Moments {
        T::moments_on(self.arch, block)
    }

    /// The scalar product of as many as both have: products of floats are rounded, and added in the order of a [sum](Simd::sum); those of
    /// integers are exact.
    pub fn dot<T: Element>(&self, a: &[T], b: &[T]) -> T::Total {
        T::dot_on(self.arch, a, b)
    }
}

impl Default for Simd {
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Debug for Simd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Simd").field(&self.level).finish()
    }
}
