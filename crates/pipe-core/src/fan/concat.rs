//! One source after the other.

use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::fan::tagged::Tagged;
use crate::opaque::opaque;
use crate::source::{Pulled, Source, Want, pulled};
use crate::stage::BoxError;
use std::task::{Poll, Waker};
use std::{mem, vec};

/// Sources in a row; made by [`concat()`].
pub struct Concat<S> {
    inputs: vec::IntoIter<S>,
    /// The one being read.
    open: Option<S>,
    /// Its number.
    input: usize,
    /// What those that have ended said.
    events: Vec<Event>,
}

opaque!([S] Concat[S]);

/// One source made of many: all items of the first, then all of the second, and so on. Each is dropped when it has ended.
///
/// Positions say which input an item is from ([`Position::input`](crate::Position::input)); inputs from number 255 on share that number.
/// Sources of several types are boxed: `Box<dyn Source<Item = .., Batch = ..>>` is a source.
///
/// ```
/// use pipe_core::{FromIter, Inline, concat, from_source};
///
/// let all = from_source(concat([FromIter::new(1..3), FromIter::new(7..9)])).collect().run_on(&Inline)?;
/// assert_eq!(all.value, [1, 2, 7, 8]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// # What cannot end
///
/// `concat` of both [`branch`](crate::branch)es of one [`tee`](crate::tee) reads the first to its end. The second fills up meanwhile, so
/// the tee waits, so the first does not end. `zip` of both ways of a [`route`](crate::route) comes to the same where the route sends
/// many items in a row one way, and so do two joined pipelines that are run one after the other on one thread. Such a program needs as
/// much memory as there is input. It does not hang: each wait on an edge has a limit ([`Bound::stall_after`](crate::Bound::stall_after)),
/// and behind it the run ends with [`BranchErrorKind::Stalled`](crate::BranchErrorKind::Stalled), which says which branch was how full.
/// Ways out: [`merge`](crate::merge) instead, an edge that may drop ([`Overflow`](crate::Overflow)), a bound as large as the need.
pub fn concat<S: Source>(sources: impl IntoIterator<Item = S>) -> Concat<S> {
    let mut inputs = sources.into_iter().collect::<Vec<_>>().into_iter();
    Concat { open: inputs.next(), inputs, input: 0, events: Vec::new() }
}

impl<S: Source> Concat<S> {
    /// The next batch of the first input that `ask` says is not at its end.
    fn next(&mut self, mut ask: impl FnMut(&mut S) -> Pulled<S::Batch>) -> Pulled<Tagged<S::Batch>> {
        while let Some(open) = &mut self.open {
            match ask(open) {
                Poll::Ready(Ok(None)) => {
                    self.events.append(&mut open.take_events());
                    self.open = self.inputs.next();
                    self.input += 1;
                }
                Poll::Ready(Ok(Some(batch))) => return Poll::Ready(Ok(Some(Tagged::new(batch, self.input)))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl<S: Source> Source for Concat<S> {
    type Item = S::Item;
    type Batch = Tagged<S::Batch>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        pulled(self.next(|open| Poll::Ready(open.pull(want))))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.next(|open| open.poll_pull(want, waker))
    }

    fn check(&self) -> Result<(), RunError> {
        self.open.iter().chain(self.inputs.as_slice()).try_for_each(Source::check)
    }

    fn take_events(&mut self) -> Vec<Event> {
        let mut events = mem::take(&mut self.events);
        events.extend(self.open.iter_mut().flat_map(Source::take_events));
        events
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        self.open.iter_mut().chain(self.inputs.as_mut_slice()).for_each(|input| input.stopped_by(stop));
    }
}
