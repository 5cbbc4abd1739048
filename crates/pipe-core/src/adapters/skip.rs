//! The items behind the first ones.

use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Drops the first items; made by [`Pipeline::skip`](crate::Pipeline::skip).
#[derive(Debug)]
pub struct Skip(pub(crate) u64);

impl Stage for Skip {
    /// How many are still to be dropped.
    type State = u64;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> u64 {
        self.0
    }
}

impl<T> Step<T> for Skip {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, left: &mut u64, item: T, out: &mut O) -> Flow {
        if *left == 0 {
            return out.emit(item);
        }
        *left -= 1;
        Flow::Continue(())
    }
}
