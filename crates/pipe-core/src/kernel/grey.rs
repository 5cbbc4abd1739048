//! From colours to grey.

use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::stage::BoxError;

/// The brightness of each pixel of three numbers, red, green and blue: [`Number::luma`]. A block has whole pixels.
///
/// ```
/// use pipe_core::kernel::{Blocks, Grey};
/// use pipe_core::{Inline, from_source};
///
/// let image = vec![255_u8, 255, 255, 255, 0, 0];
/// let grey = from_source(Blocks::new(image, 6)).transform(Grey).collect().run_on(&Inline)?;
/// assert_eq!(grey.value, [[255, 77]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grey;

impl<T: Number> Kernel<T> for Grey {
    type Out = T;

    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<T>,
    ) -> Result<(), BoxError> {
        if !block.len().is_multiple_of(3) {
            return Err(format!("a block of {} numbers has no whole pixels of three", block.len()).into());
        }
        out.resize(block.len() / 3, T::default());
        worker.grey(block, out)
    }
}

/// The reference.
pub(super) fn grey<T: Number>(rgb: &[T], grey: &mut [T]) {
    for (grey, [r, g, b]) in grey.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *grey = T::luma(*r, *g, *b);
    }
}
