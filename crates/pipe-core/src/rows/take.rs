//! A source that ends after its first rows.

use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::opaque::opaque;
use crate::rows::truncate::Truncate;
use crate::source::{Pulled, Source, Want, pulled};
use crate::stage::BoxError;
use std::task::{Poll, Waker, ready};

/// Cuts batches off behind the last row that is wanted; made by [`Pipeline::take_rows`](crate::Pipeline::take_rows).
pub struct TakeRows<S> {
    source: S,
    /// How many rows are still to come.
    left: u64,
}

opaque!([S] TakeRows[S]);

impl<S: Source<Batch: Truncate>> TakeRows<S> {
    pub(super) fn new(source: S, rows: u64) -> Self {
        TakeRows { source, left: rows }
    }

    fn next(
        &mut self,
        want: Want,
        mut ask: impl FnMut(&mut S, Want) -> Pulled<S::Batch>,
    ) -> Pulled<S::Batch> {
        while self.left > 0 {
            let left = usize::try_from(self.left).unwrap_or(usize::MAX);
            let want = Want { items: want.items.min(left), ..want };
            let Some(mut batch) = ready!(ask(&mut self.source, want))? else { return Poll::Ready(Ok(None)) };
            batch.load()?;
            let kept = batch.truncate(left);
            self.left -= kept as u64;
            if kept > 0 {
                return Poll::Ready(Ok(Some(batch)));
            }
        }
        Poll::Ready(Ok(None))
    }
}

impl<S: Source<Batch: Truncate>> Source for TakeRows<S> {
    type Item = S::Item;
    type Batch = S::Batch;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        pulled(self.next(want, |source, want| Poll::Ready(source.pull(want))))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.next(want, |source, want| source.poll_pull(want, waker))
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
