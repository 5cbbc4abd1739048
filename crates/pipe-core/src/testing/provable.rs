//! Any executor, as the laws see it.

use crate::clock::Clock;
use crate::error::RunError;
use crate::executor::{BlockingExecutor, Executor, Profile};
use crate::kernel::Runner;
use crate::plan::Plan;
use crate::testing::reactor::{Waiting, driven, nowhere};
use std::sync::Arc;

/// An executor on trial: every [`BlockingExecutor<'static>`](BlockingExecutor) is one, so `&MyExecutor` can be handed to each law.
///
/// The laws take it as `&dyn Provable`. So they, and the hundreds of pipelines in them, are compiled once with this crate and not again
/// for each executor. `'static` is all that they ask for: an executor that returns futures can be proved too, inside of one that blocks
/// on them; no pipeline of a law borrows from its caller.
pub trait Provable {
    /// [`Executor::profile`].
    ///
    /// # Errors
    /// As there.
    fn says(&self) -> Result<Profile, RunError>;

    /// [`Executor::runner`].
    fn computes(&self) -> Arc<dyn Runner>;

    /// [`Executor::clock`].
    fn shows(&self) -> Arc<dyn Clock>;

    /// Whether its plans may have async stages. See [`WithReactor`](crate::testing::WithReactor).
    fn has_reactor(&self) -> bool {
        false
    }

    /// [`Executor::execute`].
    ///
    /// # Errors
    /// As there.
    fn runs(&self, plan: Plan<'static, Waiting>) -> Result<(), RunError>;
}

impl<X: BlockingExecutor<'static>> Provable for X {
    fn says(&self) -> Result<Profile, RunError> {
        self.profile()
    }

    fn computes(&self) -> Arc<dyn Runner> {
        self.runner()
    }

    fn shows(&self) -> Arc<dyn Clock> {
        self.clock()
    }

    fn runs(&self, plan: Plan<'static, Waiting>) -> Result<(), RunError> {
        self.execute(driven(plan, nowhere))
    }
}

impl Executor<'static> for dyn Provable + '_ {
    type Ran = Result<(), RunError>;
    type Async = Waiting;

    fn profile(&self) -> Result<Profile, RunError> {
        self.says()
    }

    fn runner(&self) -> Arc<dyn Runner> {
        self.computes()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.shows()
    }

    fn execute(&self, plan: Plan<'static, Waiting>) -> Result<(), RunError> {
        self.runs(plan)
    }
}
