//! One item to one, or a failure.

use crate::opaque::opaque;
use crate::stage::{BoxError, Emit, Flow, Sharing, Stage, Step};

/// Maps, or fails the item; made by [`Pipeline::try_map`](crate::Pipeline::try_map) and [`Pipeline::parse`](crate::Pipeline::parse).
pub struct TryMap<F>(pub(crate) F);

opaque!([F] TryMap[F]);

impl<F: Send + Sync> Stage for TryMap<F> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<T, U, E: Into<BoxError>, F: Fn(T) -> Result<U, E> + Send + Sync> Step<T> for TryMap<F> {
    type Out = U;

    #[inline(always)]
    fn push<O: Emit<U>>(&self, (): &mut (), item: T, out: &mut O) -> Flow {
        match (self.0)(item) {
            Ok(item) => out.emit(item),
            Err(error) => out.fail(error.into()),
        }
    }
}
