//! Two sources side by side.

use crate::batch::{Batch, Items};
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::item::Own;
use crate::opaque::opaque;
use crate::source::{Pulled, Source, Want, pulled};
use crate::stage::{BoxError, Flow};
use std::collections::VecDeque;
use std::task::{Poll, Waker, ready};

/// Two sources in pairs; made by [`zip`].
pub struct Zip<A, B, T, U> {
    left: Side<A, T>,
    right: Side<B, U>,
}

opaque!([A, B, T, U] Zip[A, B, T, U]);

/// One source made of two: pairs of an item of each, in order. Owned items only, since both batches end with different pairs.
///
/// It ends with the shorter one. How far the longer one was read by then is not said: at least the pairs, at most a batch beyond. It is
/// dropped without being read on, so a branch that must not lose items fails its writer. The position of a pair is that of its
/// left item.
///
/// ```
/// use pipe_core::{FromIter, Inline, from_source, zip};
///
/// let pairs = from_source(zip(FromIter::new(1..), FromIter::new(["a", "b"]))).collect().run_on(&Inline)?;
/// assert_eq!(pairs.value, [(1, "a"), (2, "b")]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn zip<A, B, T, U>(left: A, right: B) -> Zip<A, B, T, U>
where
    A: Source<Item = Own<T>>,
    B: Source<Item = Own<U>>,
{
    Zip { left: Side::new(left), right: Side::new(right) }
}

/// A source, and what of its last batch has found no partner yet.
struct Side<S, T> {
    source: S,
    waiting: VecDeque<(u64, T)>,
    /// What those own elsewhere, in bytes: the items of a batch are taken to be alike.
    heap: usize,
}

impl<S, T> Side<S, T> {
    fn new(source: S) -> Self {
        Side { source, waiting: VecDeque::new(), heap: 0 }
    }

    /// Sees to it that there is an item; false at the end.
    fn fill(&mut self, mut ask: impl FnMut(&mut S) -> Pulled<S::Batch>) -> Poll<Result<bool, BoxError>>
    where
        S: Source<Item = Own<T>>,
    {
        while self.waiting.is_empty() {
            let Some(mut batch) = ready!(ask(&mut self.source))? else { return Poll::Ready(Ok(false)) };
            batch.load()?;
            let bytes = batch.bytes();
            batch.drive(usize::MAX, |at, item| {
                self.waiting.push_back((at, item));
                Flow::Continue(())
            });
            self.heap = bytes.saturating_sub(self.waiting.len() * size_of::<T>());
        }
        Poll::Ready(Ok(true))
    }

    /// The next `items`, of which there are that many, and what they own.
    fn take(&mut self, items: usize) -> (impl Iterator<Item = (u64, T)> + '_, usize) {
        let heap = (self.heap as u128 * items as u128 / self.waiting.len() as u128) as usize;
        self.heap -= heap;
        (self.waiting.drain(..items), heap)
    }
}

impl<A, B, T: Send + 'static, U: Send + 'static> Zip<A, B, T, U>
where
    A: Source<Item = Own<T>>,
    B: Source<Item = Own<U>>,
{
    fn next(
        &mut self,
        most: usize,
        left: impl FnMut(&mut A) -> Pulled<A::Batch>,
        right: impl FnMut(&mut B) -> Pulled<B::Batch>,
    ) -> Pulled<Items<(T, U)>> {
        // What one side has is kept where the other has nothing yet.
        if !ready!(self.left.fill(left))? || !ready!(self.right.fill(right))? {
            return Poll::Ready(Ok(None));
        }
        let pairs = most.max(1).min(self.left.waiting.len()).min(self.right.waiting.len());
        let ((left, left_heap), (right, right_heap)) = (self.left.take(pairs), self.right.take(pairs));
        let (positions, items) = left.zip(right).map(|((at, left), (_, right))| (at, (left, right))).unzip();
        Poll::Ready(Ok(Some(Items::at(positions, items).owning(left_heap + right_heap))))
    }
}

impl<A, B, T: Send + 'static, U: Send + 'static> Source for Zip<A, B, T, U>
where
    A: Source<Item = Own<T>>,
    B: Source<Item = Own<U>>,
{
    type Item = Own<(T, U)>;
    type Batch = Items<(T, U)>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        let (left, right) =
            (|left: &mut A| Poll::Ready(left.pull(want)), |right: &mut B| Poll::Ready(right.pull(want)));
        pulled(self.next(want.items, left, right))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.next(want.items, |left| left.poll_pull(want, waker), |right| right.poll_pull(want, waker))
    }

    fn check(&self) -> Result<(), RunError> {
        self.left.source.check()?;
        self.right.source.check()
    }

    fn take_events(&mut self) -> Vec<Event> {
        let mut events = self.left.source.take_events();
        events.append(&mut self.right.source.take_events());
        events
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        self.left.source.stopped_by(stop);
        self.right.source.stopped_by(stop);
    }
}
