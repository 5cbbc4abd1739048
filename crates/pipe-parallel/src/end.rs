//! The sink's worker, run by whoever drains the gate.

use pipe_core::plan::{AnyBatch, BoxBatch, Outlet, Ran, RunState, Worker};
use pipe_core::{Flow, Pace, RunError};
use std::time::Instant;

pub(crate) struct End<'p> {
    worker: Box<dyn Worker + Send + 'p>,
    pace: Pace,
}

impl<'p> End<'p> {
    pub(crate) fn new(worker: Box<dyn Worker + Send + 'p>) -> Self {
        End { worker, pace: Pace::new(Pace::BATCH, usize::MAX) }
    }

    /// Writes a batch, in slices between which it looks whether the run was cancelled.
    pub(crate) fn write(&mut self, batch: &mut dyn AnyBatch, run: &RunState) -> Result<(), RunError> {
        loop {
            if run.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let started = Instant::now();
            let ran = self.worker.run(batch, self.pace.items(), &mut Nothing)?;
            let (Ran::More(items) | Ran::Done(items) | Ran::Enough(items)) = ran;
            self.pace.learn(items, started.elapsed());
            if !matches!(ran, Ran::More(_)) {
                return Ok(());
            }
        }
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
