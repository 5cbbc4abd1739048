//! Looking at items that pass.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Calls a closure with a reference to each item; made by [`Pipeline::inspect`](crate::Pipeline::inspect).
pub struct Inspect<F>(pub(crate) F);

opaque!([F] Inspect[F]);

impl<F: Send + Sync> Stage for Inspect<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, F: Fn(&T) + Send + Sync> Step<T> for Inspect<F> {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        (self.0)(&item);
        out.emit(item)
    }
}
