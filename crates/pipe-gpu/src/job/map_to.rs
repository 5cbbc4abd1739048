//! A program over a pinned block, into another one.

use super::{Job, Map};
use crate::cuda::{Slot, Target};
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::Regions;
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A program over a block whose memory is pinned, into a target: no number is copied on the host. Not in place, since a copy that fails half-way would
/// leave neither the numbers nor the results. What the CPU does it does in place, and all of it.
pub(crate) struct MapTo<'a, T: Element> {
    pub(crate) map: Map<'a, T>,
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
    const FAMILY: Family = Map::<T>::FAMILY;

    fn units(&self) -> usize {
        self.map.units()
    }

    fn bytes(&self) -> (usize, usize) {
        self.map.bytes()
    }

    fn regions(&self, units: usize) -> Regions {
        self.map.regions(units)
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let at = units.start * size_of::<T>();
        self.map.with_piece(units, |piece| slot.begin_to(piece, self.target, at))
    }

    fn take(&mut self, _: Range<usize>, _: &[T]) {
        self.results = Results::InTarget;
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, _: usize) -> Result<(), BoxError> {
        self.results = Results::InBlock;
        self.map.on_cpu(cpu, 0)
    }
}
