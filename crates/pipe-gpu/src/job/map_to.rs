//! A program over a pinned block, into another one.

use super::Job;
use crate::cuda::{Slot, Target};
use crate::element::{Element, Family};
use crate::encode::Encoding;
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A program over a block whose memory is pinned, into a target: no number is copied on the host. Not in place, since a copy that fails half-way would
/// leave neither the numbers nor the results. What the CPU does it does in place, and all of it.
pub(crate) struct MapTo<'a, T: Element> {
    pub(crate) program: Encoding<'a, T>,
    pub(crate) block: &'a mut [T],
    pub(crate) target: &'a Target,
    /// Where the results are.
    pub(crate) results: Results,
}

/// Where the results of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Results {
    InBlock,
    InTarget,
}

impl<T: Element> Job<T> for MapTo<'_, T> {
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
        let (len, at) = (units.len(), units.start * size_of::<T>());
        let launches: Vec<_> = Launch::programs(self.program.launches(), &[0], len).collect();
        let inputs = &[&self.block[units]];
        let piece = Piece { regions: self.regions(len), inputs, output: 0, launches: &launches };
        slot.begin_to(&piece, self.target, at)
    }

    fn take(&mut self, _: Range<usize>, _: &[T]) {
        self.results = Results::InTarget;
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, _: usize) -> Result<(), BoxError> {
        self.results = Results::InBlock;
        cpu.run(self.program.program(), self.block)
    }
}
