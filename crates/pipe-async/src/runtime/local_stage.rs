//! What an async stage is before its run, where operations stay on the thread of the task.

use crate::driver::{AsyncWorker, Driver};
use crate::runtime::Runtime;
use crate::shards::{Shards, shards_of};
use pipe_core::AsyncStep;
use pipe_core::plan::RunState;
use std::sync::Arc;

/// An async stage, ready to be driven in a task that stays on its thread.
pub struct LocalStage {
    /// Given how many shards are wanted.
    make: Box<dyn FnOnce(usize) -> Box<dyn AsyncWorker>>,
}

impl LocalStage {
    pub(crate) fn new<S: AsyncStep + 'static, R: Runtime>(
        step: S,
        segment: usize,
        run: &Arc<RunState>,
    ) -> Self {
        let run = run.clone();
        let make = move |shards| -> Box<dyn AsyncWorker> {
            match shards_of::<S::In>(run.operations(segment), shards) {
                0 | 1 => Box::new(Driver::<S, R::Timer>::new(step, segment, &run)),
                shards => Box::new(Shards::<S, R>::new(step, segment, &run, shards)),
            }
        };
        LocalStage { make: Box::new(make) }
    }

    /// Its driver, or this many shards.
    pub(crate) fn make(self, shards: usize) -> Box<dyn AsyncWorker> {
        (self.make)(shards)
    }
}
