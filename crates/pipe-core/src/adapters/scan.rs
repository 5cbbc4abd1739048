//! One item to one, with a memory of what came before.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Maps with a state that has seen all items before; made by [`Pipeline::scan`](crate::Pipeline::scan).
pub struct Scan<N, F> {
    pub(crate) new: N,
    pub(crate) scan: F,
}

opaque!([N, F] Scan[N, F]);

impl<S, N: Fn() -> S + Send + Sync, F: Send + Sync> Stage for Scan<N, F> {
    type State = S;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> S {
        (self.new)()
    }
}

impl<S, T, U, N: Fn() -> S + Send + Sync, F: Fn(&mut S, T) -> U + Send + Sync> Step<T> for Scan<N, F> {
    type Out = U;

    #[inline(always)]
    fn push<O: Emit<U>>(&self, state: &mut S, item: T, out: &mut O) -> Flow {
        out.emit((self.scan)(state, item))
    }
}
