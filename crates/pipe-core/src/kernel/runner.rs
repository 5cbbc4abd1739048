//! Who computes a program. The executor hands it in, so that a pipeline need not know.

use crate::error::RunError;
use crate::kernel::number::Number;
use crate::kernel::op::Compare;
use crate::kernel::program::Program;
use crate::kernel::reduce::{Moments, extremes};
use crate::report::Event;
use crate::stage::BoxError;

/// Makes the workers that compute programs: in scalar code, in tiles, on a device.
///
/// [`Executor::kernels`](crate::Executor::kernels) gives one to an executor.
pub trait Runner: Send + Sync {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// One worker's own: built on the thread that uses it, once per stage and worker.
    fn worker(&self) -> Box<dyn KernelWorkers>;

    /// Asked once before each run: what it will use, for the report.
    ///
    /// # Errors
    /// `Config`, if a setting makes no sense or asks for what the machine does not have.
    fn prepare(&self) -> Result<Vec<Event>, RunError> {
        Ok(Vec::new())
    }

    /// What it decided, and where it fell back, since it was asked last: a run asks at its end, for the report. Runs that share a runner at the
    /// same time share what it says, too.
    fn events(&self) -> Vec<Event> {
        Vec::new()
    }
}

/// Computes over blocks, for one worker. It may hold buffers, or a stream of a device, and be `!Send`.
///
/// What it does not override is computed by the reference. An error makes the block a failed item, and the stage's policy decides.
pub trait KernelWorker<T: Number> {
    /// Applies the program to each number of the block.
    ///
    /// # Errors
    /// What keeps it from computing.
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError>;

    /// Keeps the numbers of a block that compare so with the bound, in their order.
    ///
    /// # Errors
    /// As `run`.
    fn retain(&mut self, compare: Compare, bound: T, block: &mut Vec<T>) -> Result<(), BoxError> {
        block.retain(|x| compare.holds(*x, bound));
        Ok(())
    }

    /// The sum of a block, see [`Sum`](crate::kernel::Sum).
    ///
    /// # Errors
    /// As `run`.
    fn sum(&mut self, block: &[T]) -> Result<T::Total, BoxError> {
        Ok(T::sum(block))
    }

    /// The least and the greatest number of a block, see [`MinMax`](crate::kernel::MinMax).
    ///
    /// # Errors
    /// As `run`.
    fn min_max(&mut self, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        Ok(extremes(block))
    }

    /// Mean and variance of a block, see [`MeanVar`](crate::kernel::MeanVar).
    ///
    /// # Errors
    /// As `run`.
    fn moments(&mut self, block: &[T]) -> Result<Moments, BoxError> {
        Ok(Moments::of(block))
    }
}

/// A worker for all types of numbers.
pub trait KernelWorkers:
    KernelWorker<f32>
    + KernelWorker<f64>
    + KernelWorker<i32>
    + KernelWorker<i64>
    + KernelWorker<u8>
    + KernelWorker<u16>
{
}

impl<W> KernelWorkers for W where
    W: KernelWorker<f32>
        + KernelWorker<f64>
        + KernelWorker<i32>
        + KernelWorker<i64>
        + KernelWorker<u8>
        + KernelWorker<u16>
{
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Blocks, Program, Scalar};
    use crate::{Executor, Inline, from_source};

    /// Says something before and after.
    struct Talking;

    impl Runner for Talking {
        fn name(&self) -> &'static str {
            "talking"
        }

        fn worker(&self) -> Box<dyn KernelWorkers> {
            Scalar.worker()
        }

        fn prepare(&self) -> Result<Vec<Event>, RunError> {
            Ok(vec![Event::Kernels { runner: "talking", with: "before".to_owned() }])
        }

        fn events(&self) -> Vec<Event> {
            vec![Event::Kernels { runner: "talking", with: "after".to_owned() }]
        }
    }

    #[test]
    fn what_a_runner_says_is_in_the_report() {
        let kernel = from_source(Blocks::new(vec![1.0_f32, 2.0], 1)).kernel(Program::new().add(1.0));
        let report = kernel.collect().run_on(&Inline.kernels(Talking)).unwrap();
        assert_eq!(report.value.concat(), [2.0, 3.0]);
        assert_eq!(report.events, [Talking.prepare().unwrap(), Talking.events()].concat());
    }
}
