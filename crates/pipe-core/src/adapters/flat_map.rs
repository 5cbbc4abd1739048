//! One item to many.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// One item in, any number out; made by [`Pipeline::flat_map`](crate::Pipeline::flat_map).
pub struct FlatMap<F>(pub(crate) F);

opaque!([F] FlatMap[F]);

impl<F: Send + Sync> Stage for FlatMap<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, U: IntoIterator, F: Fn(T) -> U + Send + Sync> Step<T> for FlatMap<F> {
    type Out = U::Item;

    #[inline(always)]
    fn push<O: Emit<U::Item>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        for item in (self.0)(item) {
            out.emit(item)?;
        }
        Flow::Continue(())
    }
}
