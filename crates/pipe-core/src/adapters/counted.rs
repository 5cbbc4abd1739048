//! Counting what passes in the middle of a segment.

use crate::stage::{Emit, Flow, Stage, Step};

/// Counts the items that pass; made by [`Pipeline::counted`](crate::Pipeline::counted).
#[derive(Debug)]
pub struct Counted;

impl Stage for Counted {
    /// How many have passed this worker.
    type State = u64;

    fn state(&self) -> u64 {
        0
    }
}

impl<T> Step<T> for Counted {
    type Out = T;

    #[inline(always)]
    fn push<O: Emit<T>>(&self, passed: &mut u64, item: T, out: &mut O) -> Flow {
        *passed += 1;
        out.emit(item)
    }

    fn finish<O: Emit<T>>(&self, passed: u64, out: &mut O) -> Flow {
        out.count_passed(passed);
        Flow::Continue(())
    }
}
