//! Numbers of a table, by their places.

use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::stage::BoxError;
use std::sync::Arc;

/// Makes of each index the number there in a table (NumPy's `take`): `u8`, `u16`, `i32` and `i64` are indices. One that is beyond the
/// table fails its block. A plain loop on every runner: it is as fast as its memory.
///
/// ```
/// use pipe_core::kernel::{Blocks, Gather};
/// use pipe_core::{Inline, from_source};
///
/// let gamma = Gather::new((0..256).map(|level| (level as f32 / 255.0).powf(2.2)));
/// let linear = from_source(Blocks::new(vec![0_u8, 255], 2)).transform(gamma).collect().run_on(&Inline)?;
/// assert_eq!(linear.value, [[0.0, 1.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gather<U> {
    table: Arc<[U]>,
}

impl<U> Gather<U> {
    /// From this table.
    pub fn new(table: impl IntoIterator<Item = U>) -> Self {
        Gather { table: table.into_iter().collect() }
    }
}

impl<T: Number, U: Copy + Send + Sync + 'static> Kernel<T> for Gather<U>
where
    usize: TryFrom<T>,
{
    type Out = U;

    fn compute(&self, _: &mut dyn KernelWorker<T>, block: &[T], out: &mut Vec<U>) -> Result<(), BoxError> {
        out.reserve(block.len());
        for index in block {
            let number = usize::try_from(*index).ok().and_then(|index| self.table.get(index));
            let beyond = || format!("index {index:?} is beyond a table of {}", self.table.len());
            out.push(*number.ok_or_else(beyond)?);
        }
        Ok(())
    }
}
