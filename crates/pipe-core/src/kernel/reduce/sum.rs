//! The sum.

use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// Adds up: integers exactly, in an `i128`; floats in a fixed order.
///
/// A block of floats is added in [`LANES`](crate::kernel::LANES) lanes, number `i` in lane `i % LANES`, each in the precision of the block;
/// then the upper half of the lanes is added to the lower one until one is left. The sums of blocks are added in their order, as `f64`. That is the
/// same sum on every runner, bit for bit, and its error grows with the numbers per lane and not with all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum;

impl<T: Number> Reduction<T> for Sum {
    type Partial = T::Total;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<T::Total, BoxError> {
        worker.sum(block)
    }

    fn reduce_mapped(
        &self,
        worker: &mut dyn KernelWorker<T>,
        program: &Program<T>,
        block: &[T],
    ) -> Result<T::Total, BoxError> {
        worker.mapped_sum(program, block)
    }

    fn merge(&self, all: &mut T::Total, next: T::Total) {
        *all = T::add_totals(*all, next);
    }
}
