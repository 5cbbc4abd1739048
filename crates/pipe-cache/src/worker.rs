//! One worker's side of the runner.

use crate::element::Element;
use crate::simd::Simd;
use pipe_core::BoxError;
use pipe_core::kernel::{Compare, KernelWorker, Moments, Program};

/// Computes blocks in tiles.
pub(crate) struct TileWorker {
    pub(crate) simd: Simd,
    /// In bytes.
    pub(crate) tile: usize,
}

impl<T: Element> KernelWorker<T> for TileWorker {
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        self.simd.run_in_tiles(self.tile, program, block);
        Ok(())
    }

    fn retain(&mut self, compare: Compare, bound: T, block: &mut Vec<T>) -> Result<(), BoxError> {
        self.simd.retain(compare, bound, block);
        Ok(())
    }

    fn sum(&mut self, block: &[T]) -> Result<T::Total, BoxError> {
        Ok(self.simd.sum(block))
    }

    fn min_max(&mut self, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        Ok(self.simd.min_max(block))
    }

    fn moments(&mut self, block: &[T]) -> Result<Moments, BoxError> {
        Ok(self.simd.moments(block))
    }
}
