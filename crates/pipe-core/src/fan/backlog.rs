//! Where the items of a branch wait for which its edge has no room.

use crate::position::Position;
use crate::stage::BoxError;

/// A queue behind the edge of a [`branch`](crate::branch), which has room where memory has none: on disk, say. See
/// [`BranchSink::spilling`](crate::BranchSink::spilling).
pub trait Backlog<T>: Send {
    /// Takes an item in, at the end. Returns how many bytes it takes there.
    ///
    /// # Errors
    /// The run that writes ends with it.
    fn push(&mut self, position: Position, item: T) -> Result<u64, BoxError>;

    /// The item that came first of those that are here.
    ///
    /// # Errors
    /// The run that reads ends with it.
    fn pop(&mut self) -> Result<Option<(Position, T)>, BoxError>;
}
