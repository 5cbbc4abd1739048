//! From colours to grey.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// From colours to grey: three numbers become one.
pub(crate) struct Grey<'a, T> {
    rgb: &'a [T],
    grey: &'a mut [T],
}

impl<'a, T: Element> Grey<'a, T> {
    pub(crate) fn new(rgb: &'a [T], grey: &'a mut [T]) -> Self {
        let len = grey.len().min(rgb.len() / 3);
        Grey { rgb: &rgb[..3 * len], grey: &mut grey[..len] }
    }
}

impl<T: Element> Job<T> for Grey<'_, T> {
    const FAMILY: Family = Family::Grey;

    fn units(&self) -> usize {
        self.grey.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.rgb), size_of_val(self.grey))
    }

    fn regions(&self, units: usize) -> Regions {
        [units.saturating_mul(3), units, 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let launches = &[Launch::new(Family::Grey, &[0, 1], units.len(), &[])];
        let regions = self.regions(units.len());
        slot.begin(&Piece {
            regions,
            inputs: &[&self.rgb[3 * units.start..3 * units.end]],
            output: 1,
            launches,
        })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.grey[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        cpu.grey(&self.rgb[3 * from..], &mut self.grey[from..])
    }
}
