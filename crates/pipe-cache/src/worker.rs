//! One worker's side of the runner.

use crate::element::Element;
use crate::simd::Simd;
use pipe_core::BoxError;
use pipe_core::kernel::{
    Compare, Compensated, KernelWorker, LANES, MinMax, Moments, PairProgram, Program, Reduction,
};

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

    fn run_pair(&mut self, program: &PairProgram<T>, x: &mut [T], y: &[T]) -> Result<(), BoxError> {
        self.simd.run_pair_in_tiles(self.tile, program, x, y);
        Ok(())
    }

    fn fir(&mut self, taps: &[T], x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        self.simd.fir(taps, x, out);
        Ok(())
    }

    fn window_sums(&mut self, width: usize, x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        self.simd.window_sums(width, x, out);
        Ok(())
    }

    fn stencil(
        &mut self,
        weights: &[T; 9],
        width: usize,
        image: &[T],
        out: &mut [T],
    ) -> Result<(), BoxError> {
        self.simd.stencil(weights, width, image, out);
        Ok(())
    }

    fn grey(&mut self, rgb: &[T], grey: &mut [T]) -> Result<(), BoxError> {
        self.simd.grey(rgb, grey);
        Ok(())
    }

    fn count(&mut self, compare: Compare, bound: T, block: &[T]) -> Result<u64, BoxError> {
        Ok(self.simd.count(compare, bound, block))
    }

    fn compensated_sum(&mut self, block: &[T]) -> Result<Compensated, BoxError> {
        Ok(self.simd.compensated_sum(block))
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

    fn mapped_count(
        &mut self,
        program: &Program<T>,
        compare: Compare,
        bound: T,
        block: &[T],
    ) -> Result<u64, BoxError> {
        let mut all = 0;
        self.in_tiles(program, block, |results| all += self.simd.count(compare, bound, results));
        Ok(all)
    }

    fn mapped_sum(&mut self, program: &Program<T>, block: &[T]) -> Result<T::Total, BoxError> {
        let parts = |add: &mut dyn FnMut(&[T])| self.in_tiles(program, block, add);
        Ok(T::sum_of_parts_on(self.simd.arch(), parts))
    }

    fn mapped_min_max(&mut self, program: &Program<T>, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        let mut all = None;
        self.in_tiles(program, block, |results| {
            Reduction::<T>::merge(&MinMax, &mut all, self.simd.min_max(results));
        });
        Ok(all)
    }
}

impl TileWorker {
    /// Lends what a program makes of a block, tile after tile: what is made of the results finds them in the cache, and they take the memory
    /// of one tile. Each but the last has whole [`LANES`].
    fn in_tiles<T: Element>(&self, program: &Program<T>, block: &[T], mut lend: impl FnMut(&[T])) {
        let numbers = (self.tile / size_of::<T>()).min(block.len()).next_multiple_of(LANES).max(LANES);
        let mut tile = Vec::with_capacity(numbers.min(block.len()));
        for part in block.chunks(numbers) {
            tile.clear();
            tile.extend_from_slice(part);
            self.simd.run_in_tiles(self.tile, program, &mut tile);
            lend(&tile);
        }
    }
}
