//! Sums over windows that move by one.

use super::Job;
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions};
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// Sums over windows that move by one: a launch for each doubling of the width. Two regions hold sums of one size and of the next one, in turn.
pub(crate) struct WindowSums<'a, T> {
    width: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<'a, T: Element> WindowSums<'a, T> {
    /// None for windows of nothing, and for outputs that have no window.
    pub(crate) fn new(width: usize, x: &'a [T], out: &'a mut [T]) -> Option<Self> {
        let behind = width.checked_sub(1)?;
        (out.len() <= x.len().saturating_sub(behind)).then_some(WindowSums { width, x, out })
    }
}

impl<T: Element> Job<T> for WindowSums<'_, T> {
    const FAMILY: Family = Family::WindowSums;

    fn units(&self) -> usize {
        self.out.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(self.x), size_of_val(self.out))
    }

    fn regions(&self, units: usize) -> Regions {
        let numbers = units + self.width - 1;
        [numbers, if self.width > 1 { numbers } else { 0 }, units]
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        const IN_TURN: [[usize; 3]; 2] = [[0, 1, 2], [1, 0, 2]];
        let regions = self.regions(units.len());
        let mut launches = Vec::new();
        let (mut sums, mut size, mut done) = (regions[0], 1, 0);
        while done < self.width {
            let is_last = self.width >> 1 < size;
            let takes = usize::from(self.width & size != 0);
            let rest = if is_last { 0 } else { sums - size };
            let turn = &IN_TURN[launches.len() % 2];
            let mut launch = Launch::new(Family::WindowSums, turn, units.len(), &[rest, size, done, takes]);
            launch.threads = rest.max(units.len());
            launches.push(launch);
            done += takes * size;
            (sums, size) = (rest, size << 1);
        }
        let inputs = &[&self.x[units.start..units.end + self.width - 1]];
        slot.begin(&Piece { regions, inputs, output: 2, launches: &launches })
    }

    fn take(&mut self, units: Range<usize>, came: &[T]) {
        self.out[units].copy_from_slice(came);
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        cpu.window_sums(self.width, &self.x[from..], &mut self.out[from..])
    }
}
