//! An executor that is looked over the shoulder.

use crate::clock::Clock;
use crate::error::RunError;
use crate::executor::{Executor, Profile};
use crate::kernel::Runner;
use crate::plan::{Plan, RunState};
use crate::report::SegmentReport;
use crate::testing::Provable;
use crate::testing::reactor::driven;
use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

/// Passes plans on and keeps what the run left behind: also of runs that failed, which give no report.
pub(crate) struct Watch<'x> {
    executor: &'x dyn Provable,
    run: RefCell<Option<Arc<RunState>>>,
}

impl<'x> Watch<'x> {
    pub(crate) fn new(executor: &'x dyn Provable) -> Self {
        Watch { executor, run: RefCell::new(None) }
    }

    /// The bytes of permits that have not come back. `None`: the plan never reached the executor.
    pub(crate) fn bytes_in_use(&self) -> Option<usize> {
        Some(self.run.borrow().as_ref()?.budget().in_use())
    }

    /// The accounts of the last run.
    pub(crate) fn segments(&self) -> Vec<SegmentReport> {
        self.run.borrow().as_ref().map_or_else(Vec::new, |run| run.segment_reports())
    }
}

impl Executor<'static> for Watch<'_> {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.executor.says()
    }

    fn runner(&self) -> Arc<dyn Runner> {
        self.executor.computes()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.executor.shows()
    }

    fn execute(&self, plan: Plan<'static>) -> Result<(), RunError> {
        *self.run.borrow_mut() = Some(plan.run().clone());
        self.executor.runs(driven(plan, |never| match never {}))
    }
}
