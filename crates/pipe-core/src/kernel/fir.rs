//! Filters with a finite impulse response.

use crate::error::RunError;
use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::stage::BoxError;

/// A filter with a finite impulse response: each output is a sum of neighbours, each times its tap (NumPy's `convolve(x, taps, "valid")`). A block of
/// n numbers gives n + 1 - taps outputs, none if there are fewer numbers than taps. See [`KernelWorker::fir`] for the order of additions.
///
/// ```
/// use pipe_core::kernel::{Blocks, Fir};
/// use pipe_core::{Inline, from_source};
///
/// let smooth = from_source(Blocks::new(vec![0.0, 0.0, 4.0, 0.0, 0.0], 5)).transform(Fir::new(vec![0.25, 0.5, 0.25])?);
/// assert_eq!(smooth.collect().run_on(&Inline)?.value, [[1.0, 2.0, 1.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fir<T> {
    taps: Vec<T>,
}

impl<T: Number> Fir<T> {
    /// With these taps, that of the newest number first.
    ///
    /// # Errors
    /// `Config` without taps.
    pub fn new(taps: Vec<T>) -> Result<Self, RunError> {
        if taps.is_empty() {
            let (field, value) = ("fir.taps", "[]".to_owned());
            return Err(RunError::Config { field, value, why: "a filter has at least one tap" });
        }
        Ok(Fir { taps })
    }

    /// The taps.
    pub fn taps(&self) -> &[T] {
        &self.taps
    }
}

impl<T: Number> Kernel<T> for Fir<T> {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        out.resize((block.len() + 1).saturating_sub(self.taps.len()), T::default());
        worker.fir(&self.taps, block, out)
    }
}

/// The reference.
pub(super) fn fir<T: Number>(taps: &[T], x: &[T], out: &mut [T]) {
    for (out, x) in out.iter_mut().zip(x.windows(taps.len().max(1))) {
        let pairs = taps.iter().zip(x.iter().rev());
        *out = pairs.fold(T::default(), |sum, (tap, x)| tap.times_plus(*x, sum));
    }
}
