//! What one worker of a segment knows of its run, and what went wrong in the slice it is running.
//!
//! Kept apart from outputs and state on purpose: only cold code holds a pointer to it, so the optimiser may keep accumulators and
//! buffers in registers.

use crate::policy::ErrorPolicy;
use crate::run::RunState;
use crate::stage::{BoxError, Flow};
use std::sync::Arc;

/// One worker's side of the run. Stages get it from [`Emit::context`](crate::Emit::context).
pub struct Context {
    run: Arc<RunState>,
    /// The failure that ends the run, if the policy said so.
    fatal: Option<(Option<u16>, BoxError)>,
    /// The innermost stage that a panic passed.
    panicked: Option<u16>,
}

/// Names the sink where a stage is named. A pipeline has fewer stages: `Pipeline` sees to it.
pub(crate) const SINK: u16 = u16::MAX;

impl Context {
    pub(crate) fn new(run: Arc<RunState>) -> Self {
        Context { run, fatal: None, panicked: None }
    }

    /// Whether the run was cancelled. A stage that works long on one item looks at it now and then.
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    /// Applies the policy of the stage to a failed item.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&mut self, stage: Option<u16>, error: BoxError) -> Flow {
        match self.run.policy(stage) {
            ErrorPolicy::Skip => {
                self.run.count_skipped(stage);
                Flow::Continue(())
            }
            ErrorPolicy::Fail => {
                self.fatal.get_or_insert((stage, error));
                Flow::Break(())
            }
        }
    }

    /// A panic passes this stage on its way out; the first to say so is the innermost.
    #[cold]
    #[inline(never)]
    pub(crate) fn unwound(&mut self, stage: u16) {
        self.panicked.get_or_insert(stage);
    }

    /// As `unwound`, for the sink at the end of a loop.
    #[cold]
    #[inline(never)]
    pub(crate) fn unwound_in_sink(&mut self) {
        self.panicked.get_or_insert(SINK);
    }

    pub(crate) fn take_fatal(&mut self) -> Option<(Option<u16>, BoxError)> {
        self.fatal.take()
    }

    pub(crate) fn take_panicked(&mut self) -> Option<u16> {
        self.panicked.take()
    }

    pub(crate) fn run(&self) -> &RunState {
        &self.run
    }
}
