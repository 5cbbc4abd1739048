//! One item to one, with a state per worker.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Stage, Step};

/// Maps with a state of its own in each worker; made by [`Pipeline::map_with`](crate::Pipeline::map_with).
pub struct MapWith<N, F> {
    pub(crate) new: N,
    pub(crate) map: F,
}

opaque!([N, F] MapWith[N, F]);

impl<S, N: Fn() -> S + Send + Sync, F: Send + Sync> Stage for MapWith<N, F> {
    type State = S;

    fn state(&self) -> S {
        (self.new)()
    }
}

impl<S, T, U, N: Fn() -> S + Send + Sync, F: Fn(&mut S, T) -> U + Send + Sync> Step<T> for MapWith<N, F> {
    type Out = U;

    #[inline(always)]
    fn push<O: Emit<U>>(&self, state: &mut S, item: T, out: &mut O) -> Flow {
        out.emit((self.map)(state, item))
    }
}
