//! The executor as one that waits for its runs, for programs without a runtime.

use crate::executor::{Async, Stage, Tokio};
use crate::runtime;
use pipe_core::plan::{Plan, RunState};
use pipe_core::{AsyncStep, Drives, Executor, Profile, RunError};
use std::sync::Arc;

/// [`Async`] on a runtime of its own, made for each run, with the calling thread as its only one: `run_on` returns when the run is over.
///
/// Not to be used inside a runtime, whose thread it would block: that is a `Config` error. Wait there for the run itself.
#[derive(Debug, Clone)]
pub struct Blocking<R> {
    inner: Async<R>,
}

impl<R> Blocking<R> {
    pub(crate) fn new(inner: Async<R>) -> Self {
        Blocking { inner }
    }
}

impl Executor<'static> for Blocking<Tokio> {
    type Ran = Result<(), RunError>;
    type Async = Stage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.inner.profile()
    }

    fn execute(&self, plan: Plan<'static, Stage>) -> Result<(), RunError> {
        runtime::tokio::block_on(self.inner.execute(plan))?
    }
}

impl<S: AsyncStep + 'static> Drives<'static, S> for Blocking<Tokio>
where
    S::Future: Send,
{
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> Stage {
        Async::<Tokio>::drive(step, segment, run)
    }
}
