//! The items before the first one that is refused.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Passes items on until the closure returns false, and then ends the run, which still commits; made by [`Pipeline::take_while`](crate::Pipeline::take_while).
pub struct TakeWhile<F>(pub(crate) F);

opaque!([F] TakeWhile[F]);

impl<F: Send + Sync> Stage for TakeWhile<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) {}
}

impl<T, F: Fn(&T) -> bool + Send + Sync> Step<T> for TakeWhile<F> {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        if (self.0)(&item) { out.emit(item) } else { Flow::Break(()) }
    }
}
