//! What a kernel does to a block, as the device is to do it: one file for each word of the vocabulary.

pub(crate) mod custom;
mod fir;
mod grey;
mod histogram;
mod lanes;
mod map;
mod map_to;
mod mapped;
mod pair;
mod prefix_sum;
pub(crate) mod retain;
pub(crate) mod scan;
mod stencil;
mod total;
mod window_sums;
pub(crate) mod words;

pub(crate) use custom::Custom;
pub(crate) use fir::Fir;
pub(crate) use grey::Grey;
pub(crate) use histogram::Histogram;
pub(crate) use lanes::Lanes;
pub(crate) use map::Map;
pub(crate) use map_to::{MapTo, Results};
pub(crate) use mapped::{Asked, Before};
pub(crate) use pair::Pair;
pub(crate) use prefix_sum::PrefixSum;
pub(crate) use retain::Retain;
pub(crate) use stencil::Stencil;
pub(crate) use total::{Count, MinMax, Rule, Sum, Total};
pub(crate) use window_sums::WindowSums;

use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::error::GpuError;
use crate::piece::Regions;
use pipe_core::BoxError;
use pipe_core::kernel::KernelWorker;
use std::ops::Range;

/// A kernel over a block. The block is cut into units that do not depend on each other's results: numbers, or rows of an image.
pub(crate) trait Job<T: Element> {
    /// Which kernel the time on the CPU is measured for.
    const FAMILY: Family;

    /// How many units come out.
    fn units(&self) -> usize;

    /// Bytes that go there, and bytes that come back.
    fn bytes(&self) -> (usize, usize);

    /// The regions of a slot for a piece of so many units, at most.
    fn regions(&self, units: usize) -> Regions;

    /// Sends these units on their way.
    ///
    /// # Errors
    /// The driver's.
    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError>;

    /// Puts the results of these units where they belong. Units come back in their order.
    fn take(&mut self, units: Range<usize>, came: &[T]);

    /// Computes all units from this one on, and maybe the others once more, which gives the same.
    ///
    /// # Errors
    /// The worker's.
    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError>;
}
