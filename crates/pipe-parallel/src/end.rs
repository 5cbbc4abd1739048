//! The sink's worker, run by whoever drains the gate.

use pipe_core::plan::{AnyBatch, BoxBatch, Outlet, RunState, Worker};
use pipe_core::{Flow, RunError};

pub(crate) struct End<'p> {
    worker: Box<dyn Worker + Send + 'p>,
}

impl<'p> End<'p> {
    pub(crate) fn new(worker: Box<dyn Worker + Send + 'p>) -> Self {
        End { worker }
    }

    /// Writes a batch, up to the item at which the run is cancelled.
    pub(crate) fn write(&mut self, batch: &mut dyn AnyBatch, run: &RunState) -> Result<(), RunError> {
        self.worker.run(batch, usize::MAX, &mut Nothing)?;
        if run.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
    }

    /// Commits the sink.
    pub(crate) fn finish(&mut self) -> Result<(), RunError> {
        self.worker.finish(&mut Nothing)
    }
}

/// Behind the sink comes nothing.
struct Nothing;

impl Outlet for Nothing {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}
