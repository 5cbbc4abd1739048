//! What is left of a block, in its order.

use super::Job;
use super::scan::{CHUNK, Scan, sums};
use super::words::{room, words_of};
use crate::cuda::Slot;
use crate::element::{Element, Family};
use crate::encode::code_of_compare;
use crate::error::GpuError;
use crate::piece::{Launch, Piece, Regions, Table};
use pipe_core::BoxError;
use pipe_core::kernel::{Compare, KernelWorker};
use std::ops::Range;

/// Words before the numbers that are kept: how many there are, and one that keeps them aligned.
const HEAD: usize = 2;

/// The numbers of a block that compare so with a bound, moved to its beginning. How many of a piece they are is known only when it has come
/// back, so a piece comes back as long as it went there.
pub(crate) struct Retain<'a, T> {
    compare: Compare,
    bound: T,
    block: &'a mut Vec<T>,
    /// How many are kept so far: they lie at the beginning.
    kept: usize,
}

impl<'a, T: Element> Retain<'a, T> {
    pub(crate) fn new(compare: Compare, bound: T, block: &'a mut Vec<T>) -> Self {
        Retain { compare, bound, block, kept: 0 }
    }

    /// Leaves out what is behind those that are kept.
    pub(crate) fn finish(self) {
        self.block.truncate(self.kept);
    }
}

/// The regions that `launches` takes: the numbers, the words of the scan, and what is kept.
pub(crate) fn regions<T>(len: usize) -> Regions {
    let chunks = len.div_ceil(CHUNK);
    [len, room::<T>(chunks + sums(chunks)), room::<T>(HEAD).saturating_add(len)]
}

/// How many of each chunk are kept; how many before it; and each to its place.
pub(crate) fn launches<T: Element>(compare: Compare, bound: &T, len: usize) -> Vec<Launch<'_, T>> {
    let chunks = len.div_ceil(CHUNK);
    let launch = |family, regions| {
        let launch = Launch::new(family, regions, len, &[code_of_compare(compare)]);
        launch.with(Table::Bound(bound)).with_threads(chunks)
    };
    // Words of 64 bits add up as integers of 64 bits do.
    let scan = Scan { regions: &[1, 1], from: 0, sums: chunks, len: chunks };
    let mut launches = vec![launch(Family::RetainCount, &[0, 1])];
    launches.extend(scan.launches::<T, i64>());
    launches.push(launch(Family::Retain, &[0, 1, 2]));
    launches
}

/// Of the third region the numbers that are kept.
fn kept<T: Element>(came: &[T]) -> &[T] {
    let (head, numbers) = came.split_at(room::<T>(HEAD).min(came.len()));
    &numbers[..kept_of(head).min(numbers.len())]
}

/// How many are kept.
pub(crate) fn kept_of<T: Element>(head: &[T]) -> usize {
    words_of(head).first().map_or(0, |kept| *kept as usize)
}

impl<T: Element> Job<T> for Retain<'_, T> {
    const FAMILY: Family = Family::Retain;

    fn units(&self) -> usize {
        self.block.len()
    }

    fn bytes(&self) -> (usize, usize) {
        (size_of_val(&**self.block), size_of_val(&**self.block))
    }

    fn regions(&self, units: usize) -> Regions {
        regions::<T>(units)
    }

    fn begin(&self, slot: &mut Slot, units: Range<usize>) -> Result<(), GpuError> {
        let launches = launches(self.compare, &self.bound, units.len());
        let regions = self.regions(units.len());
        slot.begin(&Piece { regions, inputs: &[&self.block[units]], output: 2, launches: &launches })
    }

    /// Before the numbers of the next piece, which are still to be read.
    fn take(&mut self, _: Range<usize>, came: &[T]) {
        let kept = kept(came);
        self.block[self.kept..self.kept + kept.len()].copy_from_slice(kept);
        self.kept += kept.len();
    }

    fn on_cpu(&mut self, cpu: &mut dyn KernelWorker<T>, from: usize) -> Result<(), BoxError> {
        if from == 0 {
            cpu.retain(self.compare, self.bound, self.block)?;
        } else {
            let mut rest = self.block.split_off(from);
            cpu.retain(self.compare, self.bound, &mut rest)?;
            self.block.truncate(self.kept);
            self.block.append(&mut rest);
        }
        self.kept = self.block.len();
        Ok(())
    }
}
