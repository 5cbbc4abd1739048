//! What can go to disk when memory is short.

use crate::stage::BoxError;
use crate::weigh::Weigh;

/// Memory that can be put on disk and come back later. pipe-core knows no files: whoever implements it does. `pipe-stream` has groups and
/// a queue that do, with the feature `spill`.
///
/// For accumulators of a fold say [`Whole::spilling`](crate::Whole::spilling), and the harness asks them. Others take a
/// [`spiller`](crate::Budget::spiller) of a budget, look whether they are asked, and spill.
pub trait Spill: Weigh {
    /// Puts on disk what it can do without at present and gives that memory back. Returns how many bytes it wrote. Nothing is lost and
    /// nothing is seen of it from outside, whenever this is called.
    ///
    /// # Errors
    /// What the disk said. The run ends with it.
    fn spill(&mut self) -> Result<u64, BoxError>;
}

/// How an accumulator is spilled, if it can be.
pub(crate) type Spiller<A> = fn(&mut A) -> Result<u64, BoxError>;
