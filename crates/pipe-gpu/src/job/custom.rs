//! A kernel of one's own.

use super::Job;
use crate::cuda::Slot;
use crate::custom::{CustomKernel, PARAMETERS};
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions, Table};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A kernel of one's own: windows of numbers become numbers.
pub(crate) struct Custom<'a, T, K> {
    kernel: &'a K,
    parameters: [T; PARAMETERS],
    behind: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<'a, T: Element, K: CustomKernel<T>> Custom<'a, T, K> {
    pub(crate) fn new(kernel: &'a K, x: &'a [T], out: &'a mut [T]) -> Self {
        let behind = kernel.window().max(1) - 1;
        let len = out.len().min(x.len().saturating_sub(behind));
        let out = &mut out[..len];
        Custom { kernel, parameters: kernel.parameters(), behind, x, out }
    }
}

/// From one region to another one.
pub(crate) fn launch<'a, T: Element>(
    kernel: &impl CustomKernel<T>,
    parameters: &'a [T; PARAMETERS],
    regions: &'a [usize; 2],
    len: usize,
) -> Launch<'a, T> {
    let launch = Launch::new(Family::Custom, regions, len, &[]);
    launch.of_own(kernel.cuda()).with(Table::Parameters(parameters))
}

impl<T: Element, K: CustomKernel<T>> Job<T> for Custom<'_, T, K> {
    const FAMILY: Family = Family::Custom;

    fn units(&self) -> usize {
        self.out.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.x), size_of_val(self.out))
    }

    fn regions(&self, units: usize) -> Regions {
        [units.saturating_add(self.behind), units, 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let launches = &[launch(self.kernel, &self.parameters, &[0, 1], units.len())];
        let inputs = &[&self.x[units.start..units.end + self.behind]];
        slot.begin(&Piece { regions: self.regions(units.len()), inputs, output: 1, launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.out[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, _: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        self.kernel.on_cpu(&self.x[from..self.out.len() + self.behind], &mut self.out[from..]);
        Ok(())
    }
}
