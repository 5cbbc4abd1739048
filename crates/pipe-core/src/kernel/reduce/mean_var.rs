//! Mean and variance.

use crate::kernel::number::Number;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// Count, mean and variance, as [`Moments`].
///
/// ```
/// use pipe_core::kernel::{Blocks, MeanVar};
/// use pipe_core::{Inline, from_source};
///
/// let marks = from_source(Blocks::new(vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 3));
/// let moments = marks.reduce(MeanVar).run_on(&Inline)?.value.expect("three blocks");
/// assert_eq!((moments.mean(), moments.variance()), (5.0, 4.0));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeanVar;

impl<T: Number> Reduction<T> for MeanVar {
    type Partial = Moments;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Moments, BoxError> {
        worker.moments(block)
    }

    fn merge(&self, all: &mut Moments, next: Moments) {
        all.merge(next);
    }
}

/// How many numbers, their mean, and how far they are from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// The sum of the squares of the distances to the mean.
    squares: f64,
}

impl Moments {
    /// From a count, a mean, and the sum of the squares of the distances to it: for runners.
    pub const fn new(count: u64, mean: f64, squares: f64) -> Self {
        Moments { count, mean, squares }
    }

    /// The moments of a block: its [sum](crate::kernel::Sum) gives the mean, and a second pass adds the squares of the distances to it in the same
    /// order. Two passes lose no digits where the mean is large and the variance small, as the difference of two sums would.
    pub fn of<T: Number>(block: &[T]) -> Self {
        if block.is_empty() {
            return Moments::default();
        }
        let mean = T::total_as_f64(T::sum(block)) / block.len() as f64;
        Moments { count: block.len() as u64, mean, squares: T::squares(block, mean) }
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 if there are none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The mean of the squares of the distances to the mean (NumPy's `var`); 0 if there are none.
    pub fn variance(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.squares / self.count as f64 }
    }

    /// The same with one number less below the line, for a sample (NumPy's `var(ddof=1)`); 0 if there are fewer than two.
    pub fn sample_variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// Takes in the moments of the numbers that come after these (Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample variances, 1979).
    pub fn merge(&mut self, next: Moments) {
        if self.count == 0 || next.count == 0 {
            if self.count == 0 {
                *self = next;
            }
            return;
        }
        let (a, b) = (self.count as f64, next.count as f64);
        let apart = next.mean - self.mean;
        self.count += next.count;
        self.mean += apart * b / (a + b);
        self.squares += next.squares + apart * apart * a * b / (a + b);
    }
}
