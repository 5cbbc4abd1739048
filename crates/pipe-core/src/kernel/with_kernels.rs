//! An executor with another runner.

use crate::clock::Clock;
use crate::error::RunError;
use crate::executor::{Drives, Executor, Profile};
use crate::kernel::runner::Runner;
use crate::opaque::opaque;
use crate::plan::Plan;
use crate::run::RunState;
use std::sync::Arc;

/// An executor whose kernels are computed by a runner that is not its own; made by [`Executor::kernels`].
#[derive(Clone)]
pub struct WithKernels<X> {
    executor: X,
    runner: Arc<dyn Runner>,
}

opaque!([X] WithKernels[X]);

impl<X> WithKernels<X> {
    pub(crate) fn new(executor: X, runner: Arc<dyn Runner>) -> Self {
        WithKernels { executor, runner }
    }
}

impl<'p, X: Executor<'p>> Executor<'p> for WithKernels<X> {
    type Ran = X::Ran;
    type Async = X::Async;

    fn profile(&self) -> Result<Profile, RunError> {
        self.executor.profile()
    }

    fn runner(&self) -> Arc<dyn Runner> {
        self.runner.clone()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.executor.clock()
    }

    fn execute(&self, plan: Plan<'p, X::Async>) -> X::Ran {
        self.executor.execute(plan)
    }
}

impl<'p, S, X: Drives<'p, S>> Drives<'p, S> for WithKernels<X> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> X::Async {
        X::drive(step, segment, run)
    }
}
