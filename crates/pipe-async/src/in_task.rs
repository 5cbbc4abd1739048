//! Source, sync stages and sink in the task, where the user asks for that.

use crate::blocking::Blocking;
use crate::driver::AsyncWorker;
use crate::executor::{Async, running};
use crate::local_running::LocalRunning;
use crate::polled_stretch::PolledStretch;
use crate::runtime::local_stage::LocalStage;
use crate::runtime::{Runtime, Seat};
use crate::stretch::Stretch;
use pipe_core::plan::{Plan, RunState};
use pipe_core::{AsyncStep, Drives, Executor, Profile, RunError};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Context;

/// The runtime `R`, whose task runs source, sync stages and sink as well: see [`Async::in_task`].
#[derive(Debug, Clone, Copy)]
pub struct InTask<R> {
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Runtime for InTask<R> {
    type Timer = R::Timer;
    type Worker = dyn AsyncWorker;
    type Inside = PolledStretch<R::Timer>;

    const NAME: &'static str = R::NAME_IN_TASK;
    const NAME_IN_TASK: &'static str = R::NAME_IN_TASK;

    fn seat(place: usize, stretch: Stretch) -> Seat<Self::Inside> {
        Seat::Task(PolledStretch::new(place, stretch))
    }

    fn awaited<F: Future<Output = Result<(), RunError>>>(run: F) -> impl Future<Output = F::Output> {
        R::awaited(run)
    }

    fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
        R::block_on(future)
    }

    fn come_back(cx: &Context<'_>) {
        R::come_back(cx);
    }

    fn note_fallback(run: &RunState) {
        R::note_fallback(run);
    }
}

impl<R: Runtime> Executor<'static> for Async<InTask<R>> {
    type Ran = LocalRunning;
    type Async = LocalStage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.profile_as(R::NAME_IN_TASK)
    }

    fn execute(&self, plan: Plan<'static, LocalStage>) -> LocalRunning {
        let shards = self.shards;
        LocalRunning::new(R::awaited(running::<InTask<R>, _, _>(plan, move |stage| stage.make(shards))))
    }
}

/// Operations stay on the thread of the task, and need not be `Send`.
impl<R: Runtime, S: AsyncStep + 'static> Drives<'static, S> for Async<InTask<R>> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> LocalStage {
        LocalStage::new::<S, R>(step, segment, run)
    }
}

impl<R: Runtime> Executor<'static> for Blocking<InTask<R>> {
    type Ran = Result<(), RunError>;
    type Async = LocalStage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.inner.profile()
    }

    fn execute(&self, plan: Plan<'static, LocalStage>) -> Result<(), RunError> {
        R::note_fallback(plan.run());
        R::block_on(self.inner.execute(plan))?
    }
}

impl<R: Runtime, S: AsyncStep + 'static> Drives<'static, S> for Blocking<InTask<R>> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> LocalStage {
        LocalStage::new::<S, R>(step, segment, run)
    }
}
