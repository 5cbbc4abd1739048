//! The first items.

use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Passes on the first items, and then ends the run, which still commits; made by [`Pipeline::take`](crate::Pipeline::take).
#[derive(Debug)]
pub struct Take(pub(crate) u64);

impl Stage for Take {
    /// How many may still pass.
    type State = u64;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> u64 {
        self.0
    }
}

impl<T> Step<T> for Take {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, left: &mut u64, item: T, out: &mut O) -> Flow {
        if *left == 0 {
            return Flow::Break(());
        }
        *left -= 1;
        out.emit(item)?;
        // At once, and not when the next item comes: it may be long in coming.
        if *left == 0 { Flow::Break(()) } else { Flow::Continue(()) }
    }
}
