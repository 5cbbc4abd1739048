//! A reduction at the end of a pipeline.

use crate::item::{Item, Own};
use crate::kernel::number::Number;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::opaque::opaque;
use crate::pipeline::{Pipeline, Whole};
use crate::settings::Emits;
use crate::sink::Sink;
use crate::stage::{BoxError, Emit, Flow, Stage, Step, Then};
use std::marker::PhantomData;
use std::sync::Arc;

/// Reduces each block; made by [`Pipeline::reduce`].
pub struct Reduce<T, R> {
    reduction: Arc<R>,
    number: PhantomData<fn(T)>,
}

opaque!([T, R] Reduce[T, R]);

impl<T: Number, R: Reduction<T>> Stage for Reduce<T, R> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Number, R: Reduction<T>, In: AsRef<[T]>> Step<In> for Reduce<T, R> {
    type Out = R::Partial;

    #[inline(always)]
    fn push<O: Emit<R::Partial>>(&self, worker: &mut Self::State, block: In, out: &mut O) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        match self.reduction.reduce(&mut **worker, block.as_ref()) {
            Ok(partial) => out.emit(partial),
            Err(error) => out.fail(error),
        }
    }
}

/// Merges the results of blocks in their order; the sink of [`Pipeline::reduce`].
pub struct Reduced<T, R: Reduction<T>>
where
    T: Number,
{
    reduction: Arc<R>,
    all: Option<R::Partial>,
}

opaque!([T: Number, R: Reduction<T>] Reduced[T, R]);

impl<T: Number, R: Reduction<T>> Sink<R::Partial> for Reduced<T, R> {
    type Done = Option<R::Partial>;

    fn write(&mut self, next: R::Partial) -> Result<(), BoxError> {
        match &mut self.all {
            Some(all) => self.reduction.merge(all, next),
            none => *none = Some(next),
        }
        Ok(())
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        Ok(self.all)
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Ends in one result for all blocks of numbers, lent or owned; `None` if there was no block. Blocks are reduced by the executor's
    /// runner, on all its workers, and merged in their order: floats too give the same result on every run and for any number of workers,
    /// unless the pipeline is `.unordered()`.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Program, Sum};
    /// use pipe_core::{Inline, from_source};
    ///
    /// let squares = from_source(Blocks::new(vec![1.0_f64, 2.0, 3.0], 2)).kernel(Program::new().square());
    /// assert_eq!(squares.reduce(Sum).run_on(&Inline)?.value, Some(14.0));
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn reduce<T: Number, R: Reduction<T>>(
        self,
        reduction: R,
    ) -> Whole<U, Then<C, Reduce<T, R>>, Own<R::Partial>, Reduced<T, R>>
    where
        for<'a> I::Of<'a>: AsRef<[T]>,
    {
        let reduction = Arc::new(reduction);
        let stage = Reduce { reduction: reduction.clone(), number: PhantomData };
        let reduced: Pipeline<U, _, Own<R::Partial>> = self.then("reduce", Emits::One, stage);
        reduced.to(Reduced { reduction, all: None })
    }
}
