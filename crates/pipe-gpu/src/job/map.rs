//! A program over a block, in place.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::encode::Encoding;
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A program over a block, in place.
pub(crate) struct Map<'a, T: Element> {
    pub(crate) program: Encoding<'a, T>,
    pub(crate) block: &'a mut [T],
}

impl<T: Element> Map<'_, T> {
    /// Lends the piece of these units.
    pub(super) fn with_piece<R>(&self, units: Range<usize>, lend: impl FnOnce(&Piece<'_, T>) -> R) -> R {
        let len = units.len();
        let launches: Vec<_> = Launch::programs(self.program.launches(), &[0], len).collect();
        let inputs = &[&self.block[units]];
        lend(&Piece { regions: self.regions(len), inputs, output: 0, launches: &launches })
    }
}

impl<T: Element> Job<T> for Map<'_, T> {
    const FAMILY: Family = Family::Map;

    fn units(&self) -> usize {
        self.block.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.block), size_of_val(self.block))
    }

    fn regions(&self, units: usize) -> Regions {
        [units, 0, 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        self.with_piece(units, |piece| slot.begin(piece))
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.block[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        cpu.run(self.program.program(), &mut self.block[from..])
    }
}
