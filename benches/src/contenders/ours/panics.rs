//! A stage that panics: how long after that the run is over, on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::panics::{Thrower, outcome};
use pipe_core::{RunError, from_iter};
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let thrower = Thrower::new(job.size);
    let executor = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT);
    let run = from_iter(0..job.size).map(|n| thrower.work(n)).for_each(drop).run_on(&executor);
    match run {
        Err(RunError::Panicked { at: Some(at), .. }) => Ok(outcome(job.size, &thrower, at.raw())),
        other => Err(format!("the stage panics, and the run gives {other:?}").into()),
    }
}
