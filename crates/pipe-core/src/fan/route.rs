//! Each item into one of two sinks.

use crate::fan::tee::write_at;
use crate::position::Position;
use crate::sink::Sink;
use crate::stage::BoxError;

/// Writes each item into one of two; made by [`route`].
#[derive(Debug, Clone)]
pub struct Route<F, A, B> {
    goes_first: F,
    first: A,
    second: B,
}

/// A sink that writes an item into `first` if `goes_first` says so, else into `second`. More than two ways are nested.
///
/// Errors and the commit are as for [`tee`](crate::tee): both sinks are committed, also one that got nothing.
///
/// ```
/// use pipe_core::{Inline, from_iter, route};
///
/// let (even, odd) = from_iter(1..=5).to(route(|n: &i32| n % 2 == 0, vec![], vec![])).run_on(&Inline)?.value;
/// assert_eq!((even, odd), (vec![2, 4], vec![1, 3, 5]));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn route<T, F: FnMut(&T) -> bool + Send, A: Sink<T>, B: Sink<T>>(
    goes_first: F,
    first: A,
    second: B,
) -> Route<F, A, B> {
    Route { goes_first, first, second }
}

impl<T, F: FnMut(&T) -> bool + Send, A: Sink<T>, B: Sink<T>> Sink<T> for Route<F, A, B> {
    type Done = (A::Done, B::Done);

    const POSITIONS: bool = A::POSITIONS || B::POSITIONS;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        if (self.goes_first)(&item) { self.first.write(item) } else { self.second.write(item) }
    }

    fn write_at(&mut self, position: Position, item: T) -> Result<(), BoxError> {
        if (self.goes_first)(&item) {
            write_at(&mut self.first, position, item)
        } else {
            write_at(&mut self.second, position, item)
        }
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        let first = self.first.commit()?;
        Ok((first, self.second.commit()?))
    }
}
