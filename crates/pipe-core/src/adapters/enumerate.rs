//! Items with their number.

use crate::stage::{Emit, Flow, Sharing, Stage, Step};

/// Counts items from zero on; made by [`Pipeline::enumerate`](crate::Pipeline::enumerate).
#[derive(Debug)]
pub struct Enumerate;

impl Stage for Enumerate {
    /// The next number.
    type State = u64;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> u64 {
        0
    }
}

impl<T> Step<T> for Enumerate {
    type Out = (u64, T);

    #[inline(always)]
    fn push<O: Emit<(u64, T)>>(&self, next: &mut u64, item: T, out: &mut O) -> Flow {
        let number = *next;
        *next += 1;
        out.emit((number, item))
    }
}
