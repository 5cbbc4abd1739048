//! A program as a step of a pipeline.

use crate::item::{Item, Own};
use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::runner::KernelWorker;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{Emit, Flow, Stage, Step, Then};

/// Computes a program over each block; made by [`Pipeline::kernel`].
pub struct KernelStep<T: Number> {
    program: Program<T>,
}

opaque!([T: Number] KernelStep[T]);

impl<T: Number> Stage for KernelStep<T> {
    /// Made at the first block, when the run can be asked for its runner.
    type State = Option<Box<dyn KernelWorker<T>>>;

    fn state(&self) -> Self::State {
        None
    }
}

impl<T: Number, In: Into<Vec<T>>> Step<In> for KernelStep<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, worker: &mut Self::State, item: In, out: &mut O) -> Flow {
        let worker = worker.get_or_insert_with(|| T::worker(out.context().runner().worker()));
        let mut block: Vec<T> = item.into();
        match worker.run(&self.program, &mut block) {
            Ok(()) => out.emit(block),
            Err(error) => out.fail(error),
        }
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Computes a program over each block of numbers, lent or owned. The executor chooses what computes it.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Program};
    /// use pipe_core::{Inline, from_source};
    ///
    /// let fahrenheit = Program::new().scale(1.8).add(32.0);
    /// let warm = from_source(Blocks::new(vec![0.0_f32, 10.0, 100.0], 2)).kernel(fahrenheit).collect().run_on(&Inline)?;
    /// assert_eq!(warm.value, [vec![32.0, 50.0], vec![212.0]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn kernel<T: Number>(self, program: Program<T>) -> Pipeline<U, Then<C, KernelStep<T>>, Own<Vec<T>>>
    where
        for<'a> I::Of<'a>: Into<Vec<T>>,
    {
        self.then("kernel", Emits::One, KernelStep { program })
    }
}
