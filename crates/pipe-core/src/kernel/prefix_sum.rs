//! Running totals.

use crate::adapters::Identity;
use crate::item::Own;
use crate::kernel::number::Number;
use crate::opaque::opaque;
use crate::pipeline::{Pipeline, Serial};
use crate::settings::Emits;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};
use std::marker::PhantomData;

/// Replaces each number by the sum of all numbers up to and including it; made by [`Pipeline::prefix_sum`].
pub struct PrefixSum<T> {
    number: PhantomData<fn(T)>,
}

opaque!([T] PrefixSum[T]);

impl<T: Number> Stage for PrefixSum<T> {
    /// The sum so far.
    type State = T;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> T {
        T::default()
    }
}

impl<T: Number> Step<Vec<T>> for PrefixSum<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, sum: &mut T, mut block: Vec<T>, out: &mut O) -> Flow {
        // A worker stays on its thread, and this state does not: it is made anew.
        let mut worker = T::worker(out.context().runner().worker());
        match worker.prefix_sum(*sum, &mut block) {
            Ok(last) => {
                *sum = last;
                out.emit(block)
            }
            Err(error) => out.fail(error),
        }
    }
}

/// The reference.
pub(super) fn prefix_sum<T: Number>(before: T, block: &mut [T]) -> T {
    block.iter_mut().fold(before, |sum, x| {
        *x = sum.plus(*x);
        *x
    })
}

impl<U, C, T: Number> Pipeline<U, C, Own<Vec<T>>> {
    /// Replaces each number by the sum of all numbers up to and including it, across all blocks in their order (NumPy's `cumsum`). Added one after the
    /// other, floats in their own precision, integers wrap around: so it does not depend on where blocks begin. Each addition waits for
    /// the one before. Only a device adds integers in another order, which gives the same.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Program};
    /// use pipe_core::{Inline, from_source};
    ///
    /// let totals = from_source(Blocks::new(vec![1, 2, 3, 4], 3)).kernel(Program::new().scale(10)).prefix_sum();
    /// assert_eq!(totals.collect().run_on(&Inline)?.value, [vec![10, 30, 60], vec![100]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn prefix_sum(
        self,
    ) -> Pipeline<Serial<U, C, Own<Vec<T>>, PrefixSum<T>, Vec<T>>, Identity, Own<Vec<T>>> {
        self.serially("prefix_sum", Emits::One, PrefixSum { number: PhantomData })
    }
}
