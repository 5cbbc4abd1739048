//! Dropping items.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Keeps the items for which the closure returns true; made by [`Pipeline::filter`](crate::Pipeline::filter).
pub struct Filter<F>(pub(crate) F);

opaque!([F] Filter[F]);

impl<F: Send + Sync> Stage for Filter<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, F: Fn(&T) -> bool + Send + Sync> Step<T> for Filter<F> {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        if (self.0)(&item) { out.emit(item) } else { Flow::Continue(()) }
    }
}
