//! How many numbers there are in each part of a range.

use crate::error::RunError;
use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// Counts the numbers in each of some parts of a range, all of one width, as [`Bins`]. Number x is in part `(x - low) * (parts / (high - low))`, computed as
/// `f64` and rounded down; `high` itself is in the last one. A loop on every CPU: it is bound by its additions in memory, which no
/// register does faster.
///
/// ```
/// use pipe_core::kernel::{Blocks, Histogram};
/// use pipe_core::{Inline, from_source};
///
/// let marks = Blocks::new(vec![1.0, 2.5, 2.9, 4.0, 9.0], 2);
/// let bins = from_source(marks).reduce(Histogram::new(1.0, 4.0, 3)?).run_on(&Inline)?.value.expect("three blocks");
/// assert_eq!((bins.counts(), bins.above()), (&[1, 2, 1][..], 1));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Histogram {
    low: f64,
    high: f64,
    bins: usize,
    /// Bins per unit.
    scale: f64,
}

impl Histogram {
    /// The most parts of a range: each block makes a table of them, which is to stay in the cache.
    pub const BINS_MOST: usize = 1 << 16;

    /// A histogram of the range from `low` to `high`, divided into `bins` parts.
    ///
    /// # Errors
    /// `Config` for no part or more than [`Histogram::BINS_MOST`], and for a range that is empty or not finite.
    pub fn new(low: f64, high: f64, bins: usize) -> Result<Self, RunError> {
        let refused = |field, value, why| Err(RunError::Config { field, value, why });
        if bins == 0 || bins > Self::BINS_MOST {
            return refused("histogram.bins", bins.to_string(), "a range has 1 to 65,536 parts");
        }
        let scale = bins as f64 / (high - low);
        if !(low < high && scale.is_finite() && scale > 0.0) {
            return refused("histogram.range", format!("{low} to {high}"), "a range is finite and not empty");
        }
        Ok(Histogram { low, high, bins, scale })
    }

    /// The lowest and the highest number of the range.
    pub fn range(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// How many parts it has.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// Parts per unit: what a distance to the lowest number is multiplied by.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The reference.
    pub(crate) fn count<T: Number>(&self, block: &[T]) -> Bins {
        let mut bins = Bins::new(vec![0; self.bins], 0, 0, 0);
        for x in block {
            let x = x.as_f64();
            if x >= self.low && x <= self.high {
                let bin = ((x - self.low) * self.scale) as usize;
                bins.counts[bin.min(self.bins - 1)] += 1;
            } else if x < self.low {
                bins.below += 1;
            } else if x > self.high {
                bins.above += 1;
            } else {
                bins.not_a_number += 1;
            }
        }
        bins
    }
}

impl<T: Number> Reduction<T> for Histogram {
    type Partial = Bins;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Bins, BoxError> {
        worker.histogram(self, block)
    }

    fn reduce_mapped(
        &self,
        worker: &mut dyn KernelWorker<T>,
        program: &Program<T>,
        block: &[T],
    ) -> Result<Bins, BoxError> {
        worker.mapped_histogram(program, self, block)
    }

    fn merge(&self, all: &mut Bins, next: Bins) {
        all.counts.iter_mut().zip(next.counts).for_each(|(all, next)| *all += next);
        all.below += next.below;
        all.above += next.above;
        all.not_a_number += next.not_a_number;
    }
}

/// How many numbers there were in each part of a range, and beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bins {
    counts: Vec<u64>,
    below: u64,
    above: u64,
    not_a_number: u64,
}

impl Bins {
    /// With these counts, the lowest part first: for runners.
    pub fn new(counts: Vec<u64>, below: u64, above: u64, not_a_number: u64) -> Self {
        Bins { counts, below, above, not_a_number }
    }

    /// Of each part, the lowest first.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Below the range.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// Above it.
    pub fn above(&self) -> u64 {
        self.above
    }

    /// What is not a number.
    pub fn not_a_number(&self) -> u64 {
        self.not_a_number
    }
}
