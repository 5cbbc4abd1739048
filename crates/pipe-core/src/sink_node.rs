//! The sink as the last node of a plan.

use crate::batch::{Batch, Items};
use crate::cancel::Leash;
use crate::error::{Payload, RunError};
use crate::left::discard;
use crate::plan::{AnyBatch, Outlet, Ran, RunState, Worker};
use crate::position::Position;
use crate::sink::Sink;
use crate::stage::Flow;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a committed sink leaves its result.
pub(crate) type Done<D> = Arc<Mutex<Option<D>>>;

/// Writes batches of `T` into a sink and commits it at the end. Dropped before that, it drops the sink uncommitted.
pub(crate) struct SinkNode<T, S: Sink<T>> {
    /// `None` after the commit or a panic.
    pub(crate) sink: Option<S>,
    pub(crate) written: u64,
    done: Done<S::Done>,
    leash: Leash,
    run: Arc<RunState>,
    items: PhantomData<fn(T)>,
}

impl<T, S: Sink<T>> SinkNode<T, S> {
    pub(crate) fn new(sink: S, done: Done<S::Done>, run: &Arc<RunState>) -> Self {
        let (leash, run) = (run.cancel().leash(), run.clone());
        SinkNode { sink: Some(sink), written: 0, done, leash, run, items: PhantomData }
    }

    #[cold]
    fn panicked(&self, at: u64, thrown: Box<dyn std::any::Any + Send>) -> RunError {
        let at = Some(Position::from_raw(at));
        RunError::Panicked { stage: "sink".to_owned(), at, payload: Payload::new(thrown) }
    }
}

impl<T: Send + 'static, S: Sink<T>> Worker for SinkNode<T, S> {
    fn run(&mut self, batch: &mut dyn AnyBatch, limit: usize, _: &mut dyn Outlet) -> Result<Ran, RunError> {
        let batch =
            batch.as_any().downcast_mut::<Items<T>>().expect("the edge was built for this batch type");
        let mut taken = 0;
        loop {
            taken += self.slice(batch, limit - taken)?;
            if self.run.is_cancelled() {
                return Ok(Ran::Enough(taken));
            }
            if Batch::is_empty(batch) {
                return Ok(Ran::Done(taken));
            }
            if taken == limit {
                return Ok(Ran::More(taken));
            }
            // A drain stopped the loop: that is no reason to drop the rest.
        }
    }

    fn flush(&mut self, _: &mut dyn Outlet) {}

    fn finish(&mut self, _: &mut dyn Outlet) -> Result<(), RunError> {
        self.commit()
    }
}

impl<T: Send + 'static, S: Sink<T>> SinkNode<T, S> {
    /// Writes up to `limit` items, until something stops the loop.
    fn slice(&mut self, batch: &mut Items<T>, limit: usize) -> Result<usize, RunError> {
        let mut sink = self.sink.take().expect("a sink that failed or is committed is not used again");
        let (before, lent, until) = (batch.len(), &mut *batch, self.leash.pay_out(1));
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut failed = None;
            let items = lent.drive(
                limit,
                #[inline(always)]
                |at, item| {
                    let written = match S::POSITIONS {
                        true => sink.write_at(Position::from_raw(at), item),
                        false => sink.write(item),
                    };
                    match written {
                        Ok(()) if until.load(Relaxed) == 0 => Flow::Break(()),
                        Ok(()) => Flow::Continue(()),
                        Err(error) => {
                            failed = Some(error);
                            Flow::Break(())
                        }
                    }
                },
            );
            (items, failed, sink)
        }));
        let lent = (before - batch.len()) as u64;
        let (items, failed, sink) = ran.map_err(|thrown| self.panicked(self.written + lent - 1, thrown))?;
        self.sink = Some(sink);
        let written = lent - u64::from(failed.is_some());
        self.count(written);
        match failed {
            Some(source) => Err(RunError::Sink { written: self.written, source }),
            None => Ok(items),
        }
    }
}

/// A sink is left only by a run that has ended already, with an error: that one stays the run's, whatever the sink's own `Drop` throws.
impl<T, S: Sink<T>> Drop for SinkNode<T, S> {
    fn drop(&mut self) {
        discard(self.sink.take());
    }
}

impl<T, S: Sink<T>> SinkNode<T, S> {
    pub(crate) fn count(&mut self, written: u64) {
        self.written += written;
        self.run.count_written(written);
    }

    /// Commits the sink, once, if nothing else is wrong with the run.
    pub(crate) fn commit(&mut self) -> Result<(), RunError> {
        self.run.close()?;
        let sink = self.sink.take().expect("a sink is committed once");
        let committed = catch_unwind(AssertUnwindSafe(move || sink.commit()))
            .map_err(|thrown| self.panicked(self.written, thrown))?;
        let done = committed.map_err(|source| RunError::Sink { written: self.written, source })?;
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        Ok(())
    }
}
