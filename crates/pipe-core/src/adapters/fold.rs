//! Items into one accumulator per worker.

use crate::stage::{Emit, Flow, Stage, Step};

/// Folds into one accumulator per worker, emitted at the end; behind [`Pipeline::fold`](crate::Pipeline::fold).
pub struct Fold<N, F> {
    pub(crate) new: N,
    pub(crate) fold: F,
}

impl<A, N: Fn() -> A + Send + Sync, F: Send + Sync> Stage for Fold<N, F> {
    type State = A;

    fn state(&self) -> A {
        (self.new)()
    }
}

impl<A, T, N: Fn() -> A + Send + Sync, F: Fn(&mut A, T) + Send + Sync> Step<T> for Fold<N, F> {
    type Out = A;

    #[inline(always)]
    fn push<O: Emit<A>>(&self, state: &mut A, item: T, _: &mut O) -> Flow {
        (self.fold)(state, item);
        Flow::Continue(())
    }

    fn finish<O: Emit<A>>(&self, state: A, out: &mut O) -> Flow {
        out.emit(state)
    }
}
