//! How many.

use crate::kernel::number::Number;
use crate::kernel::op::Compare;
use crate::kernel::program::Program;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// How many numbers compare this way with the bound: line ends of a text, readings above a limit.
///
/// ```
/// use pipe_core::kernel::{Blocks, Compare, Count};
/// use pipe_core::{Inline, from_source};
///
/// let text = Blocks::new(b"one\ntwo\n".to_vec(), 5);
/// assert_eq!(from_source(text).reduce(Count(Compare::Equal, b'\n')).run_on(&Inline)?.value, Some(2));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<T>(
    /// The comparison.
    pub Compare,
    /// The bound that numbers are compared with.
    pub T,
);

impl<T: Number> Reduction<T> for Count<T> {
    type Partial = u64;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<u64, BoxError> {
        worker.count(self.0, self.1, block)
    }

    fn reduce_mapped(
        &self,
        worker: &mut dyn KernelWorker<T>,
        program: &Program<T>,
        block: &[T],
    ) -> Result<u64, BoxError> {
        worker.mapped_count(program, self.0, self.1, block)
    }

    fn merge(&self, all: &mut u64, next: u64) {
        *all += next;
    }
}
