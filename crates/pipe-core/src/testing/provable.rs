//! Any executor, as the laws see it.

use crate::error::RunError;
use crate::executor::{BlockingExecutor, Executor, Profile};
use crate::kernel::Runner;
use crate::plan::Plan;
use std::convert::Infallible;
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

    /// [`Executor::execute`], for a plan without async stages.
    ///
    /// # Errors
    /// As there.
    fn runs(&self, plan: Plan<'static>) -> Result<(), RunError>;
}

impl<X: BlockingExecutor<'static>> Provable for X {
    fn says(&self) -> Result<Profile, RunError> {
        self.profile()
    }

    fn computes(&self) -> Arc<dyn Runner> {
        self.runner()
    }

    fn runs(&self, plan: Plan<'static>) -> Result<(), RunError> {
        let run = plan.run().clone();
        self.execute(match plan.into_loop() {
            Ok(whole) => Plan::of_loop(whole, run),
            Err(nodes) => Plan::of_nodes(nodes.widen(), run),
        })
    }
}

impl Executor<'static> for dyn Provable + '_ {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.says()
    }

    fn runner(&self) -> Arc<dyn Runner> {
        self.computes()
    }

    fn execute(&self, plan: Plan<'static>) -> Result<(), RunError> {
        self.runs(plan)
    }
}
