//! Kernels of one's own: a block becomes another one.

use crate::item::{Item, Own};
use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{BoxError, Emit, Flow, Stage, Step, Then};
use std::marker::PhantomData;

/// What makes of each block another one, perhaps of another length or type; made by [`Pipeline::transform`]. A [`Program`] is for what
/// happens to each number by itself, a [`Reduction`] for what is left of all.
///
/// [`Program`]: crate::kernel::Program
/// [`Reduction`]: crate::kernel::Reduction
///
/// ```
/// use pipe_core::kernel::{Blocks, Kernel, KernelWorker};
/// use pipe_core::{BoxError, Inline, from_source};
///
/// /// Of each two neighbours the mean.
/// struct Halved;
///
/// impl Kernel<f32> for Halved {
///     type Out = f32;
///     fn compute(&self, worker: &mut dyn KernelWorker<f32>, block: &[f32], out: &mut Vec<f32>) -> Result<(), BoxError> {
///         let mut sums = vec![0.0; block.len().saturating_sub(1)];
///         worker.window_sums(2, block, &mut sums)?;
///         out.extend(sums.iter().step_by(2).map(|sum| sum / 2.0));
///         Ok(())
///     }
/// }
///
/// let halved = from_source(Blocks::new(vec![1.0_f32, 3.0, 5.0, 9.0], 4)).transform(Halved);
/// assert_eq!(halved.collect().run_on(&Inline)?.value, [[2.0, 7.0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Kernel<T: Number>: Send + Sync {
    /// The numbers that come out.
    type Out: Send + 'static;

    /// Appends to `out`, which is empty, what the block becomes. The worker has what the executor's runner computes faster.
    ///
    /// # Errors
    /// What keeps it from computing. The block then is a failed item, and the stage's policy decides.
    fn compute(
        &self,
        worker: &mut dyn KernelWorker<T>,
        block: &[T],
        out: &mut Vec<Self::Out>,
    ) -> Result<(), BoxError>;
}

/// Computes a kernel over each block; made by [`Pipeline::transform`].
pub struct Transform<T, K> {
    kernel: K,
    number: PhantomData<fn(T)>,
}

opaque!([T, K] Transform[T, K]);

impl<T: Number, K: Kernel<T>> Stage for Transform<T, K> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Number, K: Kernel<T>, In: AsRef<[T]>> Step<In> for Transform<T, K> {
    type Out = Vec<K::Out>;

    #[inline(always)]
    fn push<O: Emit<Vec<K::Out>>>(&self, worker: &mut Self::State, block: In, out: &mut O) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        let mut made = Vec::new();
        match self.kernel.compute(&mut **worker, block.as_ref(), &mut made) {
            Ok(()) => out.emit(made),
            Err(error) => out.fail(error),
        }
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Makes of each block of numbers, lent or owned, another one: [`Fir`](crate::kernel::Fir), [`Stencil`](crate::kernel::Stencil),
    /// [`Cast`](crate::kernel::Cast) and others, or a [`Kernel`] of your own. A block is taken by itself: no window reaches into the next one.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Fir};
    /// use pipe_core::{Inline, from_source};
    ///
    /// let slopes = from_source(Blocks::new(vec![1.0_f32, 4.0, 9.0, 16.0], 4)).transform(Fir::new(vec![1.0, -1.0])?);
    /// assert_eq!(slopes.collect().run_on(&Inline)?.value, [[3.0, 5.0, 7.0]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn transform<T: Number, K: Kernel<T>>(
        self,
        kernel: K,
    ) -> Pipeline<U, Then<C, Transform<T, K>>, Own<Vec<K::Out>>>
    where
        for<'a> I::Of<'a>: AsRef<[T]>,
    {
        self.then("transform", Emits::One, Transform { kernel, number: PhantomData })
    }
}
