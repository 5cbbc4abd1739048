//! A worker whose batches count against the memory limit while it works on them.
//!
//! A batch on an inner edge never leaves its line: the worker that fills it calls the next one. So it is weighed where it arrives, and what
//! is alive at once are the permits on the stack of nested calls.

use pipe_core::RunError;
use pipe_core::plan::{AnyBatch, Outlet, Ran, RunState, Worker};
use std::sync::Arc;

pub(crate) struct Weighed<'p> {
    worker: Box<dyn Worker + 'p>,
    segment: usize,
    run: Arc<RunState>,
}

impl<'p> Weighed<'p> {
    pub(crate) fn new(worker: Box<dyn Worker + 'p>, segment: usize, run: Arc<RunState>) -> Self {
        Weighed { worker, segment, run }
    }

    /// A batch has one item at least, and more only if they fit: so this one item is too large.
    #[cold]
    fn refuse(&self, wanted: usize) -> RunError {
        let stage = match self.run.segment_name(self.segment) {
            name if name.is_empty() => "sink".to_owned(),
            name => name,
        };
        let budget = self.run.budget();
        budget.refusal(stage, wanted, budget.in_use())
    }
}

impl Worker for Weighed<'_> {
    fn run(
        &mut self,
        batch: &mut dyn AnyBatch,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<Ran, RunError> {
        let bytes = batch.bytes();
        if bytes > self.run.budget().limit() {
            return Err(self.refuse(bytes));
        }
        let permit = self.run.budget().overdraw(bytes);
        let ran = self.worker.run(batch, limit, next);
        drop(permit);
        ran
    }

    fn flush(&mut self, next: &mut dyn Outlet) {
        self.worker.flush(next);
    }

    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        self.worker.finish(next)
    }
}
