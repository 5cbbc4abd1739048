//! A filter with a finite impulse response.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A filter with a finite impulse response. Its taps go there with each piece, so there may be as many as a slot has room for; a piece has as many
/// neighbours besides.
pub(crate) struct Fir<'a, T> {
    taps: &'a [T],
    x: &'a [T],
    out: &'a mut [T],
}

impl<'a, T: Element> Fir<'a, T> {
    /// None without taps.
    pub(crate) fn new(taps: &'a [T], x: &'a [T], out: &'a mut [T]) -> Option<Self> {
        let behind = taps.len().checked_sub(1)?;
        let len = out.len().min(x.len().saturating_sub(behind));
        Some(Fir { taps, x, out: &mut out[..len] })
    }
}

impl<T: Element> Job<T> for Fir<'_, T> {
    const FAMILY: Family = Family::Fir;

    fn units(&self) -> usize {
        self.out.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.x), size_of_val(self.out))
    }

    fn regions(&self, units: usize) -> Regions {
        [units + self.taps.len() - 1, self.taps.len(), units]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let launches = &[Launch::new(Family::Fir, &[0, 1, 2], units.len(), &[self.taps.len()])];
        let inputs = &[&self.x[units.start..units.end + self.taps.len() - 1], self.taps];
        slot.begin(&Piece { regions: self.regions(units.len()), inputs, output: 2, launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.out[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        cpu.fir(self.taps, &self.x[from..], &mut self.out[from..])
    }
}
