//! A pipeline as an iterator.

use crate::batch::{Batch, Items};
use crate::budget::Budget;
use crate::error::RunError;
use crate::inline::PullLine;
use crate::left::{discard, left};
use crate::opaque::opaque;
use crate::plan::{BoxBatch, Nodes, Outlet, RunState};
use crate::stage::Flow;
use std::collections::VecDeque;
use std::sync::Arc;

/// The outputs of a pipeline, made on this thread as they are asked for; made by [`Pipeline::iter`](crate::Pipeline::iter).
///
/// After an error it ends. Dropping it drops what is left: nothing more is pulled from the source.
pub struct Iter<'p, T> {
    /// What is given out now: one branch per item, and all else per batch.
    current: Items<T>,
    /// `None` after the end or an error.
    line: Option<PullLine<'p>>,
    ready: Ready<T>,
    /// Until its letters are finished.
    run: Option<Arc<RunState>>,
}

opaque!(['p, T] Iter['p, T]);

/// Batches that were made and not yet given out.
///
/// The outputs of one input batch wait in memory. An item that explodes into more than the run's memory limit ends the iteration with a
/// budget error: the caller cannot take outputs while the item is still emitting. Run on an executor with a sink instead.
struct Ready<T> {
    batches: VecDeque<Items<T>>,
    bytes: usize,
    budget: Budget,
    error: Option<RunError>,
}

impl<'p, T: Send + 'static> Iter<'p, T> {
    pub(crate) fn new(nodes: Nodes<'p>, run: Arc<RunState>) -> Self {
        let (budget, kept) = (run.budget().clone(), Some(run.clone()));
        let (line, error) = match PullLine::new(nodes, run) {
            Ok(line) => (Some(line), None),
            Err(error) => (None, Some(error)),
        };
        Iter {
            current: Items::new(0, Vec::new()),
            line,
            ready: Ready { batches: VecDeque::new(), bytes: 0, budget, error },
            run: kept,
        }
    }

    /// Gives the error and ends.
    pub(crate) fn refused(error: RunError) -> Self {
        let ready = Ready { batches: VecDeque::new(), bytes: 0, budget: Budget::new(0), error: Some(error) };
        Iter { current: Items::new(0, Vec::new()), line: None, ready, run: None }
    }
}

impl<T: Send + 'static> Iterator for Iter<'_, T> {
    type Item = Result<T, RunError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.current.next() {
            Some(item) => Some(Ok(item)),
            None => self.next_batch(),
        }
    }
}

impl<T: Send + 'static> Iter<'_, T> {
    /// The first item of the next batch, the error, or the end.
    #[cold]
    fn next_batch(&mut self) -> Option<Result<T, RunError>> {
        loop {
            if let Some(batch) = self.ready.batches.pop_front() {
                self.current = batch;
                return self.current.next().map(Ok);
            }
            self.ready.bytes = 0;
            let Some(line) = &mut self.line else { return self.ready.error.take().map(Err) };
            let stepped = line.step(&mut self.ready);
            match self.ready.error.take().map_or(stepped, Err) {
                Ok(true) => {}
                Ok(false) => {
                    // There is no sink that would do it before its commit.
                    let closed =
                        left(self.line.take()).and(self.run.as_ref().map_or(Ok(()), |run| run.close()));
                    self.ready.error = closed.and(left(self.run.take())).err();
                }
                Err(error) => {
                    // What these throw comes behind the failure.
                    discard(self.line.take());
                    self.finish_letters();
                    // Given out after what was emitted before the failure, as on every executor.
                    self.ready.error = Some(error);
                }
            }
        }
    }
}

impl<T> Iter<'_, T> {
    /// Of an iteration that failed, or that nobody wants to its end: what goes wrong here comes too late for anybody to hear.
    fn finish_letters(&mut self) {
        let _ = self.run.as_ref().map(|run| run.finish_letters());
        discard(self.run.take());
    }
}

impl<T> Drop for Iter<'_, T> {
    fn drop(&mut self) {
        self.finish_letters();
    }
}

impl<T: Send + 'static> Outlet for Ready<T> {
    fn put(&mut self, mut batch: BoxBatch) -> Flow {
        let items = batch.as_any().downcast_mut::<Items<T>>().expect("the last segment emits `T`");
        let items = std::mem::replace(items, Items::new(0, Vec::new()));
        let wanted = Batch::bytes(&items);
        if self.bytes + wanted > self.budget.limit() {
            self.error = Some(self.budget.refusal("iterator", wanted, self.bytes));
            return Flow::Break(());
        }
        self.bytes += wanted;
        self.batches.push_back(items);
        Flow::Continue(())
    }
}
