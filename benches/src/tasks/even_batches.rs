//! Batches that are all the same, whatever is wanted and however long they take: so that runs which differ in little can be compared.

use pipe_core::plan::Plan;
use pipe_core::{BoxError, Cancel, Clock, Executor, Inline, Items, Own, Profile, RunError, Source, Want};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Items of a batch. With 200 steps of work each they take some 50 us.
pub(crate) const BATCH: u64 = 256;

const STEPS: u64 = 200;

/// A chain of multiplications.
pub(crate) fn work(n: u64) -> u64 {
    (0..STEPS).fold(n, |x, step| (x ^ step).wrapping_mul(0xBF58_476D_1CE4_E5B9))
}

/// Gives `0..items` in even batches; the first one is large, so that slices are as long as batches from there on.
pub(crate) struct EvenBatches {
    next: u64,
    items: u64,
}

impl EvenBatches {
    pub(crate) fn new(items: u64) -> Self {
        EvenBatches { next: 0, items }
    }
}

impl Source for EvenBatches {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u64>>, BoxError> {
        let from = self.next;
        let many = if from == 0 { 16 * BATCH } else { BATCH };
        self.next = self.items.min(from + many);
        Ok((from < self.next).then(|| Items::new(from, (from..self.next).collect())))
    }
}

/// `Inline`, for which slices take no time: so a batch is one, and instructions do not depend on how fast they are.
pub(crate) struct WholeBatches;

impl<'p> Executor<'p> for WholeBatches {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        Inline.profile()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(Still)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}

/// Always shows zero.
struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}
