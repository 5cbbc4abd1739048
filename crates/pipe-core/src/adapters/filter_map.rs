//! Mapping and dropping in one step.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Maps, and keeps what is inside each `Some`; made by [`Pipeline::filter_map`](crate::Pipeline::filter_map).
pub struct FilterMap<F>(pub(crate) F);

opaque!([F] FilterMap[F]);

impl<F: Send + Sync> Stage for FilterMap<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, U, F: Fn(T) -> Option<U> + Send + Sync> Step<T> for FilterMap<F> {
    type Out = U;

    #[inline(always)]
    fn push<O: Emit<U>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        match (self.0)(item) {
            Some(item) => out.emit(item),
            None => Flow::Continue(()),
        }
    }
}
