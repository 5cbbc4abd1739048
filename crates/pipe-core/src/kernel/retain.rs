//! A filter over blocks.

use crate::item::{Item, Own};
use crate::kernel::number::Number;
use crate::kernel::op::Compare;
use crate::kernel::runner::KernelWorker;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{Emit, Flow, Stage, Step, Then};

/// Keeps the numbers of each block that compare in a given way with a bound; made by [`Pipeline::retain`].
pub struct Retain<T> {
    compare: Compare,
    bound: T,
}

opaque!([T] Retain[T]);

impl<T: Number> Stage for Retain<T> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Number, In: Into<Vec<T>>> Step<In> for Retain<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, worker: &mut Self::State, item: In, out: &mut O) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        let mut block: Vec<T> = item.into();
        match worker.retain(self.compare, self.bound, &mut block) {
            Ok(()) => out.emit(block),
            Err(error) => out.fail(error),
        }
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Keeps the numbers of each block for which `compare` holds against `bound`, in their order, and closes the gaps (NumPy's `x[x > bound]`). Blocks
    /// become shorter, perhaps empty; their number stays.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Compare};
    /// use pipe_core::{Inline, from_source};
    ///
    /// let hot = from_source(Blocks::new(vec![21.5_f32, 30.0, 28.0, 33.5], 2)).retain(Compare::Greater, 29.0);
    /// assert_eq!(hot.collect().run_on(&Inline)?.value, [vec![30.0], vec![33.5]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn retain<T: Number>(self, compare: Compare, bound: T) -> Pipeline<U, Then<C, Retain<T>>, Own<Vec<T>>>
    where
        for<'a> I::Of<'a>: Into<Vec<T>>,
    {
        self.then("retain", Emits::One, Retain { compare, bound })
    }
}
