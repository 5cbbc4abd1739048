//! A sum as if it were added with twice the digits.

use crate::kernel::number::{Float, LANES, Number};
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// Adds up, and keeps what each addition loses, as Kahan's sum does: as [`Compensated`]. Four times the additions of a
/// [`Sum`](crate::kernel::Sum) and more, in the same lanes and the same order; the error does not grow with how many numbers there are.
///
/// What an addition loses is found without a comparison (Knuth, The Art of Computer Programming, volume 2, 4.2.2), so it is kept also where the number
/// is greater than the sum, which Kahan's own sum gets wrong. The result is that of twice the precision of the numbers, rounded (Ogita, Rump,
/// Oishi: Accurate sum and dot product, 2005). Integers are exact anyway.
///
/// ```
/// use pipe_core::kernel::{Blocks, CompensatedSum};
/// use pipe_core::{Inline, from_source};
///
/// let numbers = Blocks::new(vec![1e17, 1.0, -1e17, 1.0], 3);
/// let sum = from_source(numbers).reduce(CompensatedSum).run_on(&Inline)?.value.expect("two blocks");
/// assert_eq!(sum.total(), 2.0); // a loop gives 1
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompensatedSum;

impl<T: Number> Reduction<T> for CompensatedSum {
    type Partial = Compensated;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Compensated, BoxError> {
        worker.compensated_sum(block)
    }

    fn merge(&self, all: &mut Compensated, next: Compensated) {
        all.merge(next);
    }
}

/// A sum, and what its additions have lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    /// Combines the lanes of a block, in their order: for those who write runners.
    pub fn of_lanes<T: Float>(sums: &[T; LANES], lost: &[T; LANES]) -> Self {
        let mut all = Compensated::default();
        for (sum, lost) in sums.iter().zip(lost) {
            all.merge(Compensated { sum: sum.widen(), lost: lost.widen() });
        }
        all
    }

    /// Of a sum of integers, of which an `f64` may lose the last digits.
    pub(crate) fn exact(total: i128) -> Self {
        let sum = total as f64;
        // The greatest sums are rounded up to one more than an i128 holds; what they have lost is lost.
        Compensated { sum, lost: total.checked_sub(sum as i128).unwrap_or_default() as f64 }
    }

    /// The sum.
    pub fn total(&self) -> f64 {
        // Beyond infinity nothing is known of what was lost.
        if self.lost.is_nan() { self.sum } else { self.sum + self.lost }
    }

    /// Adds the numbers that `next` has summed, which come after these.
    pub fn merge(&mut self, next: Compensated) {
        (self.sum, self.lost) = Self::add(self.sum, self.lost + next.lost, next.sum);
    }

    /// One addition: the sum of `sum` and `x`, and what has been lost so far, together with what this addition loses. For runners.
    #[inline(always)]
    pub fn add<T: Float>(sum: T, lost: T, x: T) -> (T, T) {
        let all = sum.plus(x);
        let of_x = all.minus(sum);
        let of_sum = all.minus(of_x);
        (all, lost.plus(sum.minus(of_sum).plus(x.minus(of_x))))
    }
}
