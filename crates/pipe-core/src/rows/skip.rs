//! A source without its first rows.

use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::opaque::opaque;
use crate::source::{Pulled, Source, Want, pulled};
use crate::stage::{BoxError, Flow};
use std::task::{Poll, Waker, ready};

/// Drives the first rows away; made by [`Pipeline::skip_rows`](crate::Pipeline::skip_rows).
pub struct SkipRows<S> {
    source: S,
    /// How many rows are still to go.
    left: u64,
}

opaque!([S] SkipRows[S]);

impl<S: Source> SkipRows<S> {
    pub(super) fn new(source: S, rows: u64) -> Self {
        SkipRows { source, left: rows }
    }

    /// The next batch that has rows left behind those to go.
    fn next(&mut self, mut ask: impl FnMut(&mut S) -> Pulled<S::Batch>) -> Pulled<S::Batch> {
        loop {
            let Some(mut batch) = ready!(ask(&mut self.source))? else { return Poll::Ready(Ok(None)) };
            if self.left == 0 {
                return Poll::Ready(Ok(Some(batch)));
            }
            batch.load()?;
            let asked = usize::try_from(self.left).unwrap_or(usize::MAX);
            let gone = batch.drive(asked, |_, _| Flow::Continue(()));
            self.left -= gone as u64;
            // A batch with fewer rows than it was asked for is empty, also one that does not know it.
            if gone == asked && !batch.is_empty() {
                return Poll::Ready(Ok(Some(batch)));
            }
        }
    }
}

impl<S: Source> Source for SkipRows<S> {
    type Item = S::Item;
    type Batch = S::Batch;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        pulled(self.next(|source| Poll::Ready(source.pull(want))))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.next(|source| source.poll_pull(want, waker))
    }

    fn check(&self) -> Result<(), RunError> {
        self.source.check()
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.source.take_events()
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        self.source.stopped_by(stop);
    }
}
