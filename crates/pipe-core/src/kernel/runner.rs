//! Runners compute programs. The executor chooses one, so that a pipeline need not know which.

use crate::error::RunError;
use crate::event::Event;
use crate::kernel::fir::fir;
use crate::kernel::grey::grey;
use crate::kernel::number::Number;
use crate::kernel::op::Compare;
use crate::kernel::pair::{PairProgram, run_pair};
use crate::kernel::prefix_sum::prefix_sum;
use crate::kernel::program::Program;
use crate::kernel::reduce::{Bins, Compensated, Histogram, Moments, extremes, mapped};
use crate::kernel::stencil::stencil;
use crate::kernel::window_sums::window_sums;
use crate::stage::BoxError;
use std::any::Any;

/// Makes the workers that compute programs: in scalar code, in tiles, on a device.
///
/// [`Executor::kernels`](crate::Executor::kernels) gives one to an executor.
pub trait Runner: Send + Sync {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// One worker's own: built on the thread that uses it, once per stage and worker; by a serial stage, which goes from thread to thread, for
    /// each block.
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

    /// Applies the program to each number of `x` and the one of `y` in the same place, for as many as both have.
    ///
    /// # Errors
    /// As `run`.
    fn run_pair(&mut self, program: &PairProgram<T>, x: &mut [T], y: &[T]) -> Result<(), BoxError> {
        run_pair(program, x, y);
        Ok(())
    }

    /// A filter with a finite impulse response: `out[i] = taps[0] * x[i + n - 1] + .. + taps[n - 1] * x[i]`, where n is the number of taps. Each product is
    /// added to the sum of those before it, from 0 on, and rounded once ([`Number::times_plus`]). `out` has room for `x.len() + 1 - n`.
    ///
    /// # Errors
    /// As `run`.
    fn fir(&mut self, taps: &[T], x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        fir(taps, x, out);
        Ok(())
    }

    /// `out[i] = x[i] + .. + x[i + width - 1]`. Added by doubling: sums of 2 are sums of two numbers, sums of 4 those of two sums of 2, and so on; a
    /// width is put together of powers of two, from the least on. `out` has room for `x.len() + 1 - width`.
    ///
    /// # Errors
    /// As `run`.
    fn window_sums(&mut self, width: usize, x: &[T], out: &mut [T]) -> Result<(), BoxError> {
        window_sums(width, x, out);
        Ok(())
    }

    /// Of each pixel the sum of itself and its eight neighbours, each times its weight; products and sums are rounded one by one, in the
    /// order of the weights. `image` has whole rows of `width` pixels, and `out` as many.
    ///
    /// # Errors
    /// As `run`.
    fn stencil(
        &mut self,
        weights: &[T; 9],
        width: usize,
        image: &[T],
        out: &mut [T],
    ) -> Result<(), BoxError> {
        stencil(weights, width, image, out);
        Ok(())
    }

    /// The brightness of each three numbers, see [`Number::luma`]. `brightness` has room for a third of them.
    ///
    /// # Errors
    /// As `run`.
    fn grey(&mut self, rgb: &[T], brightness: &mut [T]) -> Result<(), BoxError> {
        grey(rgb, brightness);
        Ok(())
    }

    /// How many numbers of a block compare so with the bound, see [`Count`](crate::kernel::Count).
    ///
    /// # Errors
    /// As `run`.
    fn count(&mut self, compare: Compare, bound: T, block: &[T]) -> Result<u64, BoxError> {
        Ok(block.iter().map(|x| u64::from(compare.holds(*x, bound))).sum())
    }

    /// Puts in the place of each number the sum of `before` and all until it, added one after the other, see [`PrefixSum`]; gives the last one, with
    /// which the next block goes on.
    ///
    /// [`PrefixSum`]: crate::kernel::PrefixSum
    ///
    /// # Errors
    /// As `run`.
    fn prefix_sum(&mut self, before: T, block: &mut [T]) -> Result<T, BoxError> {
        Ok(prefix_sum(before, block))
    }

    /// How many numbers of a block there are in each part of a range, see [`Histogram`].
    ///
    /// # Errors
    /// As `run`.
    fn histogram(&mut self, histogram: &Histogram, block: &[T]) -> Result<Bins, BoxError> {
        Ok(histogram.count(block))
    }

    /// The sum of a block with what its additions lose, see [`CompensatedSum`](crate::kernel::CompensatedSum).
    ///
    /// # Errors
    /// As `run`.
    fn compensated_sum(&mut self, block: &[T]) -> Result<Compensated, BoxError> {
        Ok(T::compensated(block))
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

    /// `count` of what a program makes of a block, see [`Mapped`](crate::kernel::Mapped).
    ///
    /// # Errors
    /// As `run`.
    fn mapped_count(
        &mut self,
        program: &Program<T>,
        compare: Compare,
        bound: T,
        block: &[T],
    ) -> Result<u64, BoxError> {
        let results = mapped(self, program, block)?;
        self.count(compare, bound, &results)
    }

    /// `histogram` of what a program makes of a block.
    ///
    /// # Errors
    /// As `run`.
    fn mapped_histogram(
        &mut self,
        program: &Program<T>,
        histogram: &Histogram,
        block: &[T],
    ) -> Result<Bins, BoxError> {
        let results = mapped(self, program, block)?;
        self.histogram(histogram, &results)
    }

    /// `sum` of what a program makes of a block.
    ///
    /// # Errors
    /// As `run`.
    fn mapped_sum(&mut self, program: &Program<T>, block: &[T]) -> Result<T::Total, BoxError> {
        let results = mapped(self, program, block)?;
        self.sum(&results)
    }

    /// `min_max` of what a program makes of a block.
    ///
    /// # Errors
    /// As `run`.
    fn mapped_min_max(&mut self, program: &Program<T>, block: &[T]) -> Result<Option<(T, T)>, BoxError> {
        let results = mapped(self, program, block)?;
        self.min_max(&results)
    }

    /// The worker itself, for a [`Kernel`](crate::kernel::Kernel) that comes with its runner and asks for more than there are words for here: a
    /// function of one's own on a device. Such a kernel has to do without, too.
    fn as_any(&mut self) -> Option<&mut dyn Any> {
        None
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
