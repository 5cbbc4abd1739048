//! Items into one accumulator per worker.

use crate::opaque::opaque;
use crate::spill::Spiller;
use crate::stage::{BoxError, Emit, Flow, Stage, Step};
use crate::weigh::Weigher;

/// Folds into one accumulator per worker, emitted at the end; made by [`Pipeline::fold`](crate::Pipeline::fold).
pub struct Fold<N, F, A> {
    pub(crate) new: N,
    pub(crate) fold: F,
    /// How an accumulator is weighed, if it is of a type that can be.
    pub(crate) heap: Option<Weigher<A>>,
    /// How it is put on disk, if it can be.
    pub(crate) spill: Option<Spiller<A>>,
}

opaque!([N, F, A] Fold[N, F, A]);

impl<A, N: Fn() -> A + Send + Sync, F: Send + Sync> Stage for Fold<N, F, A> {
    type State = A;

    fn state(&self) -> A {
        (self.new)()
    }

    fn state_bytes(&self, state: &A) -> usize {
        self.heap.map_or(0, |heap| size_of::<A>() + heap(state))
    }

    fn spills(&self) -> bool {
        self.spill.is_some()
    }

    fn spill(&self, state: &mut A) -> Result<u64, BoxError> {
        self.spill.map_or(Ok(0), |spill| spill(state))
    }
}

impl<A, T, N: Fn() -> A + Send + Sync, F: Fn(&mut A, T) + Send + Sync> Step<T> for Fold<N, F, A> {
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
