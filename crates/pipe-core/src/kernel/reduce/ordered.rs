//! A sum in the order of the numbers.

use crate::kernel::number::Number;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// Adds one number after the other, floats as `f64`, integers exactly: the sum that a loop over all numbers gives, bit for bit, wherever
/// blocks begin. For results that have to agree with those of such a loop; a [`Sum`](crate::kernel::Sum) is many times faster, and a
/// [`CompensatedSum`](crate::kernel::CompensatedSum) loses less. Blocks are copied, and added up by the one thread that merges them.
///
/// ```
/// use pipe_core::kernel::{Blocks, OrderedSum};
/// use pipe_core::{Inline, from_source};
///
/// let numbers: Vec<f64> = (1..1_000).map(|n| 1.0 / f64::from(n)).collect();
/// let sum = from_source(Blocks::new(numbers.clone(), 7)).reduce(OrderedSum).run_on(&Inline)?.value;
/// assert_eq!(sum.expect("there are blocks").total(), numbers.iter().sum::<f64>());
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderedSum;

impl<T: Number> Reduction<T> for OrderedSum {
    type Partial = InOrder<T>;

    fn reduce(&self, _: &mut dyn KernelWorker<T>, block: &[T]) -> Result<InOrder<T>, BoxError> {
        Ok(InOrder { sum: T::default().as_total(), rest: block.to_vec() })
    }

    fn merge(&self, all: &mut InOrder<T>, next: InOrder<T>) {
        // What is there already goes first.
        all.sum = next.rest.iter().fold(all.total(), |sum, x| T::add_totals(sum, x.as_total()));
        all.rest.clear();
    }
}

/// A sum, and the numbers of a block that are to be added to it.
#[derive(Debug, Clone, PartialEq)]
pub struct InOrder<T: Number> {
    sum: T::Total,
    rest: Vec<T>,
}

impl<T: Number> InOrder<T> {
    /// The sum of all.
    pub fn total(&self) -> T::Total {
        self.rest.iter().fold(self.sum, |sum, x| T::add_totals(sum, x.as_total()))
    }
}
