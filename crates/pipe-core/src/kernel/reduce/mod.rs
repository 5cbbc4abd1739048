//! Many numbers become one.
//!
//! A block is reduced where it lies, by the runner, and the partial results are merged in the order of the blocks. So a result is the same on
//! every run, on any number of workers, also of floats: it depends on the numbers, and on where blocks begin.

mod compensated;
mod count;
mod histogram;
mod mapped;
mod mean_var;
mod min_max;
mod ordered;
mod step;
mod sum;

pub use compensated::{Compensated, CompensatedSum};
pub use count::Count;
pub use histogram::{Bins, Histogram};
pub use mapped::Mapped;
pub use mean_var::{MeanVar, Moments};
pub use min_max::{ArgMinMax, At, MinMax};
pub use ordered::{InOrder, OrderedSum};
pub use step::{Reduce, Reduced};
pub use sum::Sum;

pub(crate) use mapped::mapped;
pub(crate) use min_max::extremes;

use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// How many numbers become one; made by [`Pipeline::reduce`](crate::Pipeline::reduce).
///
/// ```
/// use pipe_core::kernel::{Blocks, KernelWorker, Reduction};
/// use pipe_core::{BoxError, Inline, from_source};
///
/// /// How many numbers there are below zero.
/// struct Negatives;
///
/// impl Reduction<f32> for Negatives {
///     type Partial = usize;
///     fn reduce(&self, _: &mut dyn KernelWorker<f32>, block: &[f32]) -> Result<usize, BoxError> {
///         Ok(block.iter().filter(|x| **x < 0.0).count())
///     }
///     fn merge(&self, all: &mut usize, next: usize) {
///         *all += next;
///     }
/// }
///
/// let negatives = from_source(Blocks::new(vec![-1.0_f32, 2.0, -3.0], 2)).reduce(Negatives).run_on(&Inline)?;
/// assert_eq!(negatives.value, Some(2));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Reduction<T: Number>: Send + Sync {
    /// The result for some blocks.
    type Partial: Send + 'static;

    /// Of one block.
    ///
    /// # Errors
    /// The worker's. The block then is a failed item, and the stage's policy decides.
    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Self::Partial, BoxError>;

    /// Of what a program makes of one block, see [`Mapped`].
    ///
    /// # Errors
    /// As `reduce`.
    fn reduce_mapped(
        &self,
        worker: &mut dyn KernelWorker<T>,
        program: &Program<T>,
        block: &[T],
    ) -> Result<Self::Partial, BoxError> {
        let results = mapped(worker, program, block)?;
        self.reduce(worker, &results)
    }

    /// Adds what the next block gave to what all blocks before it gave.
    fn merge(&self, all: &mut Self::Partial, next: Self::Partial);
}
