//! Where batches come from.

use crate::adapters::Identity;
use crate::batch::{Batch, Items, Spares};
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::item::{Item, Own};
use crate::lower::{Start, StartIter};
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::stage::BoxError;
use crate::weigh::{Weigher, Weighers};
use std::mem::{self, ManuallyDrop};
use std::ops::ControlFlow;
use std::task::{Poll, Waker};

/// How much the executor wants in the next batch.
///
/// A source aims at the smaller of the two and may exceed `bytes` by one item: a batch has at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// At most this many items. Sources whose items are not counted before they are cut (lines) look at `bytes` only.
    pub items: usize,
    /// About this many bytes.
    pub bytes: usize,
}

impl Want {
    /// What executors ask for at most: 256 KiB, which is what one read brings at the best rate, and 8,192 items, a batch of 80 us at 10 ns
    /// an item.
    pub const MOST: Want = Want { items: 8192, bytes: 256 << 10 };
}

/// What [`Source::poll_pull`] gives: what `pull` would, or nothing yet.
pub type Pulled<B> = Poll<Result<Option<B>, BoxError>>;

/// Where a pipeline's items come from. An executor pulls batches until there are no more, one worker at a time.
///
/// ```
/// use pipe_core::{FromIter, Inline, Source, concat};
///
/// let all = concat([FromIter::new(1..3), FromIter::new(7..9)]).pipeline().map(|n| n * 10).collect();
/// assert_eq!(all.run_on(&Inline)?.value, [10, 20, 70, 80]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source",
    label = "this gives no batches",
    note = "a source made of an iterator is `FromIter::new(..)`; `from_iter(..)` starts a whole pipeline, which is no source of another"
)]
pub trait Source: Send {
    /// What its items are.
    type Item: Item;
    /// What carries them.
    type Batch: for<'a> Batch<Item<'a> = <Self::Item as Item>::Of<'a>> + Send + 'static;

    /// The next batch, or `None` at the end. It has at least one item, unless that is only known once it was
    /// [loaded](Batch::load) and driven. Not called again after `None` or an error.
    ///
    /// # Errors
    /// Whatever keeps it from reading on. The run ends with [`RunError::Source`](crate::RunError::Source).
    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError>;

    /// As `pull`, for live sources: the batch also ends when `is_due`, asked after each item, returns true. It cannot interrupt a wait: while
    /// the source waits for its next item, it holds back those that it has already taken for the batch.
    ///
    /// The default calls `pull`, which is right for sources that have their items at hand.
    ///
    /// # Errors
    /// As for `pull`.
    fn pull_until(
        &mut self,
        want: Want,
        is_due: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self::Batch>, BoxError> {
        let _ = is_due;
        self.pull(want)
    }

    /// As `pull`, for callers that have other sources to turn to: where `pull` would wait for another run, this returns `Pending`, and wakes
    /// `waker` once it is worth asking again. Only the waker given last is woken.
    ///
    /// The default calls `pull`, which is right for sources that have their items at hand, and for those that can only block, such as files.
    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        let _ = waker;
        Poll::Ready(self.pull(want))
    }

    /// Checks its settings. Called when a pipeline is started with it; an error here becomes the error of the run, before anything is pulled.
    /// A source made of other sources checks these too.
    ///
    /// # Errors
    /// `Config`.
    fn check(&self) -> Result<(), RunError> {
        Ok(())
    }

    /// Events for the report since the last call, such as a fallback that it had to take. A run asks after each pull; a source made of other
    /// sources passes on theirs.
    fn take_events(&mut self) -> Vec<Event> {
        Vec::new()
    }

    /// Hands over the switch that will end its waits. Called once, before the first pull. The run switches `stop` on when it wants nothing
    /// more: it was cancelled, dropped or drained, it has failed, or it has had enough. A source that waits for others, such as a peer or a
    /// stream, then ends its wait and returns `None`; [`Cancel::wake`] tells it. If it does not, the run ends only when the peer says
    /// something. A source made of other sources passes the switch on to them.
    ///
    /// The default does nothing, which is right for sources that have their items at hand.
    fn stopped_by(&mut self, stop: &Cancel) {
        let _ = stop;
    }

    /// Starts a pipeline from it.
    fn pipeline(self) -> Pipeline<Start<Self>, Identity, Self::Item>
    where
        Self: Sized,
    {
        Pipeline::start(self)
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    type Item = S::Item;
    type Batch = S::Batch;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        (**self).pull(want)
    }

    fn pull_until(
        &mut self,
        want: Want,
        is_due: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self::Batch>, BoxError> {
        (**self).pull_until(want, is_due)
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        (**self).poll_pull(want, waker)
    }

    fn check(&self) -> Result<(), RunError> {
        (**self).check()
    }

    fn take_events(&mut self) -> Vec<Event> {
        (**self).take_events()
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        (**self).stopped_by(stop);
    }
}

/// The answer of a source made of sources, where it has pulled them and not polled.
pub(crate) fn pulled<B>(answer: Pulled<B>) -> Result<Option<B>, BoxError> {
    match answer {
        Poll::Ready(pulled) => pulled,
        Poll::Pending => unreachable!("a source that is pulled waits until there is something"),
    }
}

/// Starts a pipeline from a source: [`Source::pipeline`] as a function.
pub fn from_source<S: Source>(source: S) -> Pipeline<Start<S>, Identity, S::Item> {
    Pipeline::start(source)
}

/// Starts a pipeline from an iterator. Positions are indices.
///
/// Items are `'static`, since they may wait on an edge for another thread. If yours borrow from something shorter-lived (a `&str` of a local
/// `String`), own each one first, `text.lines().map(str::to_owned)`; or use a source that owns the text and lends it, as `Text` of
/// `pipe-stream` does.
///
/// To parse items, use [`try_map`](Pipeline::try_map). [`parse`](Pipeline::parse) is for rows that borrow from their batch, whereas an item
/// of an iterator is moved into the stage; the compiler then complains that "one type is more general than the other".
///
/// ```
/// use pipe_core::{Inline, from_iter};
///
/// let even = from_iter(1..=6).filter(|n| n % 2 == 0).collect().run_on(&Inline)?;
/// assert_eq!(even.value, [2, 4, 6]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn from_iter<I>(items: I) -> Pipeline<StartIter<I::IntoIter>, Identity, Own<I::Item>>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send>,
{
    Pipeline::start_iter(FromIter::new(items))
}

/// The source of [`from_iter`].
pub struct FromIter<I: Iterator> {
    pub(crate) items: I,
    /// The position of the next item.
    pub(crate) next: u64,
    spares: Spares<I::Item>,
    /// For items that own memory.
    pub(crate) weigher: Option<Weigher<I::Item>>,
    /// How many to give at once: one, where an item must not wait for the next, at which the iterator may block.
    pub(crate) most: usize,
}

opaque!([I: Iterator] FromIter[I]);

impl<I: Iterator<Item: 'static>> FromIter<I> {
    /// An iterator where a source is asked for: in a fan-in, say. A pipeline starts with [`from_iter`].
    pub fn new(items: impl IntoIterator<IntoIter = I, Item = I::Item>) -> Self {
        let weigher = Weighers::default().get();
        FromIter { items: items.into_iter(), next: 0, spares: Spares::new(), weigher, most: usize::MAX }
    }
}

impl<I: Iterator<Item: Send + 'static> + Send> Source for FromIter<I> {
    type Item = Own<I::Item>;
    type Batch = Items<I::Item>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        let fits = (want.bytes / size_of::<I::Item>().max(1)).clamp(1, self.most);
        let most = want.items.clamp(1, fits);
        let mut items = self.spares.take();
        let mut heap = 0;
        match self.weigher {
            None if knows_its_length(&self.items) => items.extend(self.items.by_ref().take(most)),
            None => fill(&mut items, &mut self.items, most),
            Some(weigher) => {
                for item in self.items.by_ref().take(most) {
                    heap += weigher(&item);
                    items.push(item);
                    if heap + items.len() * size_of::<I::Item>() >= want.bytes {
                        break;
                    }
                }
            }
        }
        Ok(self.batch(items, heap))
    }

    fn pull_until(
        &mut self,
        want: Want,
        is_due: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self::Batch>, BoxError> {
        let (mut items, mut heap, most) = (self.spares.take(), 0, want.items.min(self.most));
        for item in self.items.by_ref() {
            heap += self.weigher.map_or(0, |weigher| weigher(&item));
            items.push(item);
            let bytes = heap + items.len() * size_of::<I::Item>();
            if items.len() >= most || bytes >= want.bytes || is_due() {
                break;
            }
        }
        Ok(self.batch(items, heap))
    }
}

impl<I: Iterator<Item: 'static>> FromIter<I> {
    /// The next items, as a batch. `None`, if there are none.
    fn batch(&mut self, items: Vec<I::Item>, heap: usize) -> Option<Items<I::Item>> {
        let first = self.next;
        self.next += items.len() as u64;
        (!items.is_empty()).then(|| Items::new(first, items).owning(heap).returning_to(&self.spares))
    }
}

/// Then the standard library knows how many items come, and writes them without a look at the room that there is.
fn knows_its_length(items: &impl Iterator) -> bool {
    let (least, most) = items.size_hint();
    most == Some(least)
}

/// Moves up to `most` items into an empty buffer, as `extend` does. That one keeps the length in memory, where each item waits for the one
/// before; this is a third faster.
#[inline(never)]
fn fill<T>(buffer: &mut Vec<T>, items: &mut impl Iterator<Item = T>, most: usize) {
    buffer.reserve(items.size_hint().0.min(most));
    let mut filling = Filling { items: ManuallyDrop::new(mem::take(buffer)), to: buffer };
    let mut left = most;
    let _ = items.try_for_each(
        #[inline(always)]
        |item| {
            if filling.items.len() < filling.items.capacity() {
                filling.items.push(item);
            } else {
                let full = mem::take(&mut *filling.items);
                *filling.items = grown(full, item);
            }
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
}

/// With more room, and the item.
#[cold]
#[inline(never)]
fn grown<T>(mut items: Vec<T>, item: T) -> Vec<T> {
    items.push(item);
    items
}

/// A buffer that is being filled: in registers, as at the end of a chain (`held.rs`).
struct Filling<'b, T> {
    items: ManuallyDrop<Vec<T>>,
    to: &'b mut Vec<T>,
}

impl<T> Drop for Filling<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.to = mem::take(&mut *self.items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lens(want: Want, mut is_due: impl FnMut(usize) -> bool) -> Vec<usize> {
        let (mut source, mut asked, mut next) = (FromIter::new(0..10u64), 0, 0);
        let mut pull = || {
            let mut due = || {
                asked += 1;
                is_due(asked)
            };
            let mut batch = source.pull_until(want, &mut due).expect("an iterator does not fail")?;
            let len = batch.len();
            assert_eq!(batch.next_at(), Some((next, next)));
            next += len as u64;
            Some(len)
        };
        std::iter::from_fn(&mut pull).collect()
    }

    #[test]
    fn a_batch_ends_when_it_is_due_or_has_what_is_wanted_and_no_item_is_left_out() {
        let wanted = |items, bytes| Want { items, bytes };
        assert_eq!(lens(Want::MOST, |_| false), [10]);
        assert_eq!(lens(Want::MOST, |_| true), [1; 10]);
        assert_eq!(lens(Want::MOST, |asked| asked % 3 == 0), [3, 3, 3, 1]);
        assert_eq!(lens(wanted(4, 1 << 10), |_| false), [4, 4, 2]);
        assert_eq!(lens(wanted(100, 5 * size_of::<u64>()), |_| false), [5, 5]);
        assert_eq!(lens(wanted(0, 0), |_| false), [1; 10]);
    }
}
