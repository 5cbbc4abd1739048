//! Runs that are cancelled, or that panic, in the middle of their items.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::stops::{ITEMS, ITEMS_BEHIND_A_PANIC, Stop, percentile_of_runs};
use pipe_core::{Cancel, RunError, from_iter};
use pipe_parallel::Parallel;
use std::panic::resume_unwind;

pub(crate) fn cancelled(job: &Job) -> Result<Outcome, BoxError> {
    let executor = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT);
    percentile_of_runs(job.size, || {
        let (stop, cancel) = (Stop::default(), Cancel::new());
        let items = from_iter(0..ITEMS).map(|n| stop.work(n, || cancel.cancel())).for_each(drop);
        match items.cancelled_by(&cancel).run_on(&executor) {
            Err(RunError::Cancelled) => stop.elapsed(),
            other => Err(format!("it is cancelled, and gives {other:?}").into()),
        }
    })
}

pub(crate) fn panicked(job: &Job) -> Result<Outcome, BoxError> {
    let executor = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT);
    percentile_of_runs(job.size, || {
        let stop = Stop::default();
        // Not `panic!`: the hook would print.
        let items = from_iter(0..ITEMS_BEHIND_A_PANIC).map(|n| stop.work(n, || resume_unwind(Box::new(n))));
        match items.for_each(drop).run_on(&executor) {
            Err(RunError::Panicked { .. }) => stop.elapsed(),
            other => Err(format!("a stage panics, and the run gives {other:?}").into()),
        }
    })
}
