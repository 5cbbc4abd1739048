//! Each item into two sinks.

use crate::position::Position;
use crate::sink::Sink;
use crate::stage::BoxError;

/// Writes each item into both; made by [`tee`].
#[derive(Debug, Clone)]
pub struct Tee<A, B> {
    first: A,
    second: B,
}

/// A sink that writes each item into two others: a clone into `first`, the item itself into `second`. More than two are nested.
///
/// An error of either ends the run. At the end `first` is committed, then `second`. The first failure is the error, and what is not
/// committed by then is dropped uncommitted. What *is* committed stays, so the one that cannot be undone (a message sent, a
/// [`branch`](crate::branch)) belongs behind the one that is likely to fail (a file).
///
/// ```
/// use pipe_core::{Inline, from_iter, route, tee};
///
/// let words = from_iter(["a", "bcd", "ef"]).map(str::to_owned);
/// let (all, (long, short)) = words.to(tee(vec![], route(|word: &String| word.len() > 2, vec![], vec![]))).run_on(&Inline)?.value;
/// assert_eq!((all.len(), long, short), (3, vec!["bcd".to_owned()], vec!["a".to_owned(), "ef".to_owned()]));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn tee<A, B>(first: A, second: B) -> Tee<A, B> {
    Tee { first, second }
}

impl<T: Clone, A: Sink<T>, B: Sink<T>> Sink<T> for Tee<A, B> {
    type Done = (A::Done, B::Done);

    const POSITIONS: bool = A::POSITIONS || B::POSITIONS;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.first.write(item.clone())?;
        self.second.write(item)
    }

    fn write_at(&mut self, position: Position, item: T) -> Result<(), BoxError> {
        write_at(&mut self.first, position, item.clone())?;
        write_at(&mut self.second, position, item)
    }

    fn commit(self) -> Result<Self::Done, BoxError> {
        let first = self.first.commit()?;
        Ok((first, self.second.commit()?))
    }
}

/// As the harness writes: only a sink that wants positions is told them.
pub(super) fn write_at<T, S: Sink<T>>(sink: &mut S, position: Position, item: T) -> Result<(), BoxError> {
    if S::POSITIONS { sink.write_at(position, item) } else { sink.write(item) }
}
