//! Weighted sums over the neighbours of each pixel.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions, Table};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// Weighted sums over the neighbours of each pixel. A unit is a row; a piece has a row more above and below, except at the border of the
/// image, which the kernel takes for its own.
pub(crate) struct Stencil<'a, T> {
    weights: &'a [T; 9],
    width: usize,
    image: &'a [T],
    out: &'a mut [T],
}

impl<'a, T: Element> Stencil<'a, T> {
    /// None for what is no image, or has no room for one.
    pub(crate) fn new(weights: &'a [T; 9], width: usize, image: &'a [T], out: &'a mut [T]) -> Option<Self> {
        let is_image = width > 0 && image.len().is_multiple_of(width) && out.len() == image.len();
        is_image.then_some(Stencil { weights, width, image, out })
    }

    fn pixels(&self, rows: &Range<usize>) -> Range<usize> {
        rows.start * self.width..rows.end * self.width
    }
}

impl<T: Element> Job<T> for Stencil<'_, T> {
    const FAMILY: Family = Family::Stencil;

    fn units(&self) -> usize {
        self.image.len() / self.width
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.image), size_of_val(self.image))
    }

    fn regions(&self, units: usize) -> Regions {
        [(units + 2).saturating_mul(self.width), units.saturating_mul(self.width), 0]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let around = units.start.saturating_sub(1)..(units.end + 1).min(self.units());
        let pixels = self.pixels(&around);
        let made = self.pixels(&units).len();
        let numbers = [self.width, around.len(), units.start - around.start];
        let launch = Launch::new(Family::Stencil, &[0, 1], made, &numbers);
        let launches = &[launch.with(Table::Weights(self.weights))];
        let regions = [pixels.len(), made, 0];
        slot.begin(&Piece { regions, inputs: &[&self.image[pixels]], output: 1, launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        let pixels = self.pixels(&units);
        self.out[pixels].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, _: usize) -> Result<(), BoxError> {
        // A part of an image would have a border of its own: all of it.
        cpu.stencil(self.weights, self.width, self.image, self.out)
    }
}
