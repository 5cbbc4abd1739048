//! Running totals of integers.

use super::Job;
use super::scan::{Scan, sums};
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// Running totals of integers, in place. Each piece begins with nothing on the device; the sum of all before it is added when it has come back.
pub(crate) struct PrefixSum<'a, T> {
    before: T,
    block: &'a mut [T],
}

impl<'a, T: Element> PrefixSum<'a, T> {
    /// None for floats: their sums depend on the order of additions.
    pub(crate) fn new(before: T, block: &'a mut [T]) -> Option<Self> {
        T::total_of([0; 2]).map(|_| PrefixSum { before, block })
    }

    /// The last one.
    pub(crate) fn last(self) -> T {
        self.before
    }
}

impl<T: Element> Job<T> for PrefixSum<'_, T> {
    const FAMILY: Family = Family::PrefixDown;

    fn units(&self) -> usize {
        self.block.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.block), size_of_val(self.block))
    }

    fn regions(&self, units: usize) -> Regions {
        [units, sums(units), 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let launches = Scan { regions: &[0, 1], from: 0, sums: 0, len: units.len() }.launches::<T, T>();
        let regions = self.regions(units.len());
        slot.begin(&Piece { regions, inputs: &[&self.block[units]], output: 0, launches: &launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        let out = &mut self.block[units];
        out.iter_mut().zip(came).for_each(|(out, sum)| *out = self.before.plus(*sum));
        self.before = out.last().copied().unwrap_or(self.before);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        self.before = cpu.prefix_sum(self.before, &mut self.block[from..])?;
        Ok(())
    }
}
