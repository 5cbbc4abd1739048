//! Sums over windows that move by one.

use crate::error::RunError;
use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::stage::BoxError;

/// The sum of each window of `width` neighbouring numbers. For a moving average, divide by the width in a program after it.
///
/// ```
/// use pipe_core::kernel::{Blocks, Program, WindowSums};
/// use pipe_core::{Inline, from_source};
///
/// let averages = from_source(Blocks::new(vec![1.0, 2.0, 6.0, 4.0], 4)).transform(WindowSums::new(2)?).kernel(Program::new().div(2.0));
/// assert_eq!(averages.collect().run_on(&Inline)?.value, [[1.5, 4.0, 5.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSums {
    width: usize,
}

impl WindowSums {
    /// Sums over windows of `width` numbers.
    ///
    /// # Errors
    /// `Config` for none.
    pub fn new(width: usize) -> Result<Self, RunError> {
        if width == 0 {
            let (field, value) = ("window_sums.width", "0".to_owned());
            return Err(RunError::Config { field, value, why: "a window has at least one number" });
        }
        Ok(WindowSums { width })
    }

    /// How many numbers a window has.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl<T: Number> Kernel<T> for WindowSums {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        out.resize((block.len() + 1).saturating_sub(self.width), T::default());
        worker.window_sums(self.width, block, out)
    }
}

/// The reference: sums of 1, 2, 4 and so on numbers, of which a width is put together from the least on.
pub(super) fn window_sums<T: Number>(width: usize, x: &[T], out: &mut [T]) {
    let mut sums = x.to_vec();
    let (mut size, mut done) = (1, 0);
    while done < width && !out.is_empty() {
        if width & size != 0 {
            for (at, out) in out.iter_mut().enumerate() {
                let next = sums[done + at];
                *out = if done == 0 { next } else { out.plus(next) };
            }
            done += size;
        }
        sums = sums.iter().zip(sums.iter().skip(size)).map(|(a, b)| a.plus(*b)).collect();
        size *= 2;
    }
}
