//! One item to one.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// One item in, one out; made by [`Pipeline::map`](crate::Pipeline::map).
pub struct Map<F>(pub(crate) F);

opaque!([F] Map[F]);

impl<F: Send + Sync> Stage for Map<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, U, F: Fn(T) -> U + Send + Sync> Step<T> for Map<F> {
    type Out = U;

    #[inline(always)]
    fn push<O: Emit<U>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        out.emit((self.0)(item))
    }
}
